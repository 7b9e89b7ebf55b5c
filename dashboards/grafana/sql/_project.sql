AND $__conditionalAll((project = '' OR has(arrayMap(v -> decodeURLComponent(substring(v, 3)), splitByChar('&', '${project:customqueryparam:v}')), project)), $project)
