// What the query page takes from others, built into a file of its own: its name changes only when they do.
export { GraphiQL } from "graphiql";
export { getOperationAST, parse } from "graphql";
export { createClient } from "graphql-ws";
export { useState } from "react";
export { createRoot } from "react-dom/client";
