// name: server_ping :read :one
// Answers when the database can run statements.
RETURN 1 AS ok

// name: server_components :read :many
// Name, versions and edition of the server.
CALL dbms.components() YIELD name, versions, edition RETURN name, versions, edition

// name: server_databases :read :many
// State of the databases of this server, asked on the system database.
SHOW DATABASES YIELD name, requestedStatus, currentStatus, statusMessage RETURN name, requestedStatus, currentStatus, statusMessage
