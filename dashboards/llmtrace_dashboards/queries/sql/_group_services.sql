        multiIf(
            {group:String} = 'service', toString(service_name),
            {group:String} = 'environment', toString(environment),
            {group:String} = 'model', toString(model),
            {group:String} = 'provider', toString(provider),
            {group:String} = 'project', toString(project),
            concat(toString(project), '\n', toString(model), '\n'))
