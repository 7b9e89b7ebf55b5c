        AND ({project:String} = '' OR project = {project:String})
        AND (empty({models:Array(String)}) OR model IN {models:Array(String)})
        AND (empty({users:Array(String)}) OR user_id IN {users:Array(String)})
        AND (empty({services:Array(String)}) OR service_name IN {services:Array(String)})
        AND (empty({environments:Array(String)}) OR environment IN {environments:Array(String)})
        AND (empty({statuses:Array(String)}) OR if(status_code = 'ERROR', 'error', 'ok') IN {statuses:Array(String)})
-- include: _terms
