AND $__conditionalAll(has(arrayMap(v -> decodeURLComponent(substring(v, 3)), splitByChar('&', '${project:customqueryparam:v}')), project), $project)
AND $__conditionalAll(has(arrayMap(v -> decodeURLComponent(substring(v, 3)), splitByChar('&', '${model:customqueryparam:v}')), model), $model)
AND $__conditionalAll(has(arrayMap(v -> decodeURLComponent(substring(v, 3)), splitByChar('&', '${service:customqueryparam:v}')), service_name), $service)
AND $__conditionalAll(has(arrayMap(v -> decodeURLComponent(substring(v, 3)), splitByChar('&', '${environment:customqueryparam:v}')), environment), $environment)
