/** The address that opens a statement in Neo4j Browser, ready to be run; null when its parameters cannot be written into it. */
export function browserLink(browser: string | null, statement: string, params: Readonly<Record<string, string>>): string | null {
  if (browser === null || !/^https?:\/\//.test(browser)) return null;
  let text = statement.trim();
  for (const [name, value] of Object.entries(params)) {
    // A link carries no parameters, so the value stands in the text: only what cannot end its quotes is put there.
    if (!/^[\w .:@#[\]-]{1,200}$/.test(value)) return null;
    text = text.replaceAll(`$${name}`, () => `'${value}'`);
  }
  return `${browser.replace(/\/+$/, "")}/browser/?cmd=edit&arg=${encodeURIComponent(text)}`;
}
