        multiIf(
            {group:String} = 'model', toString(model),
            {group:String} = 'provider', toString(provider),
            {group:String} = 'project', toString(project),
            concat(toString(project), '\n', toString(model), '\n'))
