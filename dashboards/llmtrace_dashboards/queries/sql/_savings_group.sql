    if({group:String} = 'day', toString(toDate(timestamp, 'UTC')),
-- include: _group_value
    )
