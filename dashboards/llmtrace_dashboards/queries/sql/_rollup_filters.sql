        AND ({project:String} = '' OR project = {project:String})
        AND (empty({models:Array(String)}) OR model IN {models:Array(String)})
        AND (empty({users:Array(String)}) OR user_id IN {users:Array(String)})
