// The peer of `nested_read`: @neo4j/graphql on Apollo over the platform's own database, set up as its manual does.
// Addresses come by the environment, the port is printed, standard input's end stops it.
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { Neo4jGraphQL } from "@neo4j/graphql";
import neo4j from "neo4j-driver";

const typeDefs = `#graphql
  type Plan @node(labels: ["PsgNode", "Plan"]) {
    project_id: String!
    id: ID!
    title: String!
    status: String!
    steps: [Step!]! @relationship(type: "IN_PLAN", direction: IN)
  }
  type Step @node(labels: ["PsgNode", "Step"]) {
    id: ID!
    key: String!
    status: String!
    position: Int!
    dependencies: [Step!]! @relationship(type: "DEPENDS_ON", direction: OUT)
  }
`;

const { PEER_URI, PEER_USER, PEER_PASSWORD } = process.env;
const driver = neo4j.driver(PEER_URI, neo4j.auth.basic(PEER_USER, PEER_PASSWORD));
const schema = await new Neo4jGraphQL({ typeDefs, driver }).getSchema();
const server = new ApolloServer({ schema });
const context = async () => ({ sessionConfig: { database: "neo4j" } });
const { url } = await startStandaloneServer(server, { context, listen: { host: "127.0.0.1", port: 0 } });
console.log(url);

process.stdin.resume();
process.stdin.on("end", async () => {
  await server.stop();
  await driver.close();
  process.exit(0);
});
