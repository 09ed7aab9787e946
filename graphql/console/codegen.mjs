// Types and texts of the console's operations, from graphql/schema.graphql and src/operations/*.graphql.
// `node codegen.mjs` writes src/generated/operations.ts; `--check` only says whether it is up to date.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  buildSchema, getNamedType, isAbstractType, isEnumType, isInputObjectType, isInterfaceType, isListType, isNonNullType, Kind, parse, print,
  typeFromAST, validate, visit,
} from "graphql";
import { CONSOLE, ROOT, sha256 } from "./sources.mjs";

const SCALARS = { ID: "string", String: "string", Timestamp: "string", UUID: "string", Int: "number", Float: "number",
  Long: "number", Boolean: "boolean", JSON: "unknown" };
const OUTPUT = join(CONSOLE, "src", "generated", "operations.ts");

export function generate(schemaText, files) {
  const schema = buildSchema(schemaText);
  const document = parse(files.map((file) => file.text).join("\n"));
  const problems = validate(schema, document);
  if (problems.length > 0) throw new Error(problems.map((problem) => problem.message).join("\n"));
  const fragments = new Map();
  const operations = [];
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
    else operations.push(definition);
  }
  return new Writer(schema, fragments).write(operations);
}

class Writer {
  constructor(schema, fragments) {
    this.schema = schema;
    this.fragments = fragments;
    this.enums = new Map();
    this.inputs = new Map();
  }

  write(operations) {
    const byName = (a, b) => (a.name.value < b.name.value ? -1 : 1);
    const fragments = [...this.fragments.values()].sort(byName).map((f) => this.fragment(f));
    const written = operations.sort(byName).map((operation) => this.operation(operation));
    const head = [
      "// Written by codegen.mjs from graphql/schema.graphql and src/operations; do not edit.",
      'import type { Operation } from "../api/operation";\n',
    ];
    const sorted = (map) => [...map.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
    return [...head, ...sorted(this.enums), ...sorted(this.inputs), ...fragments, ...written].join("\n") + "\n";
  }

  fragment(node) {
    const type = this.schema.getType(node.typeCondition.name.value);
    const sets = [node.selectionSet];
    const body = isInterfaceType(type) ? this.object(type, this.fields(type, sets)) : this.selection(type, sets);
    return `export type ${node.name.value}Fragment = ${body};\n`;
  }

  operation(node) {
    const root = this.schema.getRootType(node.operation);
    const name = node.name.value;
    const text = [print(node), ...this.spread(node).map((f) => print(this.fragments.get(f)))].join("\n\n");
    const variables = (node.variableDefinitions ?? []).map((definition) => {
      const type = typeFromAST(this.schema, definition.type);
      const optional = !isNonNullType(type) || definition.defaultValue !== undefined;
      return `${definition.variable.name.value}${optional ? "?" : ""}: ${this.input(type)}`;
    });
    return [
      `export type ${name}Data = ${this.selection(root, [node.selectionSet])};`,
      `export type ${name}Variables = { ${variables.join("; ")} };`,
      `export const ${name}: Operation<${name}Data, ${name}Variables> = {`,
      `  name: ${JSON.stringify(name)},`,
      `  kind: ${JSON.stringify(node.operation)},`,
      `  id: "sha256:${sha256(text)}",`,
      `  text: ${JSON.stringify(text)},`,
      "};\n",
    ].join("\n");
  }

  spread(node, found = new Set()) {
    visit(node, {
      FragmentSpread: (spread) => {
        const name = spread.name.value;
        if (found.has(name)) return;
        found.add(name);
        this.spread(this.fragments.get(name), found);
      },
    });
    return [...found].sort();
  }

  selection(type, sets) {
    if (!isAbstractType(type)) return this.object(type, this.fields(type, sets));
    const alike = new Map();
    for (const possible of this.schema.getPossibleTypes(type)) {
      const fields = this.fields(possible, sets);
      if (!fields.has("__typename")) throw new Error(`select __typename in ${type.name}`);
      fields.delete("__typename");
      const body = this.object(possible, fields);
      alike.set(body, [...(alike.get(body) ?? []), JSON.stringify(possible.name)]);
    }
    return [...alike].map(([body, names]) => `({ __typename: ${names.join(" | ")} } & ${body})`).join(" | ");
  }

  /** The fields that a selection asks of one object type, by response name. */
  fields(type, sets, found = new Map()) {
    for (const node of sets.flatMap((set) => set.selections)) {
      if (node.kind === Kind.FIELD) {
        const key = node.alias?.value ?? node.name.value;
        found.set(key, { name: node.name.value, sets: [...(found.get(key)?.sets ?? []), node.selectionSet].filter(Boolean) });
        continue;
      }
      const body = node.kind === Kind.FRAGMENT_SPREAD ? this.fragments.get(node.name.value) : node;
      const condition = body.typeCondition ? this.schema.getType(body.typeCondition.name.value) : type;
      if (condition === type || (isAbstractType(condition) && this.schema.isSubType(condition, type))) {
        this.fields(type, [body.selectionSet], found);
      }
    }
    return found;
  }

  object(type, fields) {
    const lines = [...fields].map(([key, { name, sets }]) => {
      if (name === "__typename") return `${key}: ${JSON.stringify(type.name)}`;
      return `${key}: ${this.output(type.getFields()[name].type, sets)}`;
    });
    return `{ ${lines.join("; ")} }`;
  }

  output(type, sets) {
    if (!isNonNullType(type)) return `${this.present(type, sets)} | null`;
    return this.present(type.ofType, sets);
  }

  present(type, sets) {
    if (isListType(type)) return `Array<${this.output(type.ofType, sets)}>`;
    if (isEnumType(type)) return this.enumeration(type);
    return SCALARS[type.name] ?? `(${this.selection(type, sets)})`;
  }

  input(type) {
    if (isNonNullType(type)) return this.given(type.ofType);
    return `${this.given(type)} | null`;
  }

  given(type) {
    if (isListType(type)) return `Array<${this.input(type.ofType)}>`;
    const named = getNamedType(type);
    if (isEnumType(named)) return this.enumeration(named);
    if (!isInputObjectType(named)) return SCALARS[named.name];
    if (!this.inputs.has(named.name)) {
      this.inputs.set(named.name, "");
      const fields = Object.values(named.getFields()).map((field) => {
        const optional = !isNonNullType(field.type) || field.defaultValue !== undefined;
        return `${field.name}${optional ? "?" : ""}: ${this.input(field.type)}`;
      });
      this.inputs.set(named.name, `export type ${named.name} = { ${fields.join("; ")} };`);
    }
    return named.name;
  }

  enumeration(type) {
    const values = type.getValues().map((value) => JSON.stringify(value.name));
    this.enums.set(type.name, `export type ${type.name} = ${values.join(" | ")};`);
    return type.name;
  }
}

function main() {
  const folder = join(CONSOLE, "src", "operations");
  const names = readdirSync(folder).filter((name) => name.endsWith(".graphql")).sort();
  const files = names.map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));
  const text = generate(readFileSync(join(ROOT, "graphql", "schema.graphql"), "utf8"), files);
  let present = "";
  try {
    present = readFileSync(OUTPUT, "utf8");
  } catch {
    // the first time there is none
  }
  if (process.argv.includes("--check")) {
    if (text !== present) {
      console.error("src/generated/operations.ts is stale: run npm run codegen");
      process.exit(1);
    }
  } else if (text !== present) writeFileSync(OUTPUT, text);
}

main();
