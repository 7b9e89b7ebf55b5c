        AND ({project:String} = '' OR project = {project:String})
        AND (empty({models:Array(String)}) OR model IN {models:Array(String)})
        AND (empty({statuses:Array(String)}) OR if(failed, 'error', 'ok') IN {statuses:Array(String)})
