import "./nonce";
import "graphiql/style.css";
import "./page.css";
import type { FormEvent } from "react";
import { config, loadConfig } from "../api/config";
import { session, signIn, signOut } from "../api/session";
import { useStore } from "../api/store";
import { fetcher, reconnect } from "./fetcher";
import { createRoot, GraphiQL, useState } from "./parts";

const EXAMPLE = `# Run with Ctrl-Enter; Ctrl-Space completes. The book on the left is the schema.
query Projects {
  projects(first: 10) {
    nodes { id name plans(first: 5) { nodes { id title status } } }
  }
}
`;

function SignIn({ reason, onToken }: { reason: string | null; onToken: (token: string) => void }) {
  const [text, setText] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim()) onToken(text.trim());
    setText("");
  };
  return (
    <form className="psg-bar-form" onSubmit={submit}>
      {reason !== null && <span role="alert">{reason}</span>}
      <label>
        API token{" "}
        <input type="password" value={text} autoComplete="off" onChange={(event) => setText(event.target.value)} />
      </label>
      <button type="submit">Sign in</button>
    </form>
  );
}

function QueryPage() {
  const { token, reason } = useStore(session);
  const { auth } = useStore(config);
  const wantsToken = auth.some((way) => way !== "none");
  const known = token !== null || !wantsToken;
  return (
    <>
      <header className="psg-bar">
        <a href="/">PSG console</a>
        <span className="psg-bar-title">GraphiQL</span>
        {wantsToken && token === null && <SignIn reason={reason} onToken={(given) => (signIn(given), reconnect())} />}
        {wantsToken && token !== null && (
          <>
            {reason !== null && <span role="alert">{reason}</span>}
            <button type="button" onClick={() => (signOut(), reconnect())}>Sign out</button>
          </>
        )}
      </header>
      <main className="psg-query">
        {known
          ? <GraphiQL key={token ?? ""} fetcher={fetcher as never} defaultQuery={EXAMPLE} shouldPersistHeaders={false} />
          : <p className="psg-note">This platform asks for an API token: sign in above, and the schema is loaded.</p>}
      </main>
    </>
  );
}

await loadConfig();
createRoot(document.getElementById("root")!).render(<QueryPage />);
