        multiIf(
            {group:String} = 'model', toString(model),
            {group:String} = 'feature', toString(feature),
            {group:String} = 'team', toString(team),
            {group:String} = 'user', user_id,
            {group:String} = 'service', toString(service_name),
            {group:String} = 'environment', toString(environment),
            {group:String} = 'provider', toString(provider),
            {group:String} = 'prompt_version', toString(prompt_version),
            {group:String} = 'project', toString(project),
            {group:String} = 'tree', concat(toString(project), '\n', toString(model), '\n', toString(feature)),
            '')
