// name: encryption_keys :read :one
// The ids of the keys that payloads were encrypted with; there is such a node when any were.
MATCH (k:Encryption {id: 'payloads'})
RETURN k.keys AS keys

// name: encryption_note :write :one
// Notes that payloads are encrypted with one more key from now on.
MERGE (k:Encryption {id: 'payloads'})
SET k.keys = [x IN coalesce(k.keys, []) WHERE x <> $key] + $key
RETURN k.keys AS keys
