import { useState } from "react";
import { actAs, session, signIn } from "../api/session";
import { useStore } from "../api/store";
import { Button, Dialog } from "../ui/controls";

/** Asks for a token: there is none, or the API did not take it. Nothing of the page is lost meanwhile. */
export function Login() {
  const { reason, token } = useStore(session);
  const [given, setGiven] = useState("");
  const submit = (): void => {
    const clean = given.trim();
    if (clean !== "") signIn(clean);
  };
  return (
    <div className="login">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <h1>Sign in</h1>
        <p className="dim">
          This platform asks for an API token. Make one with <code>psg token create</code>, or ask who runs it.
        </p>
        {token !== null && reason !== null && <p role="alert" className="bad-text">{refusal(reason)}</p>}
        <label className="field" htmlFor="token">
          <span>Token</span>
          <input
            id="token" type="password" autoComplete="off" spellCheck={false} autoFocus value={given}
            onChange={(event) => setGiven(event.target.value)}
          />
        </label>
        <p className="dim">It is kept in this tab only, and forgotten when the tab is closed.</p>
        <Button kind="primary" onClick={submit} disabled={given.trim() === ""}>Sign in</Button>
      </form>
    </div>
  );
}

function refusal(reason: string): string {
  return reason.startsWith("A bearer token is needed") ? "This token was not taken." : `This token was not taken: ${reason}`;
}

/** The name under which commands are recorded, where the token does not say it. */
export function IdentityDialog({ onClose }: { onClose: () => void }) {
  const { actor, token } = useStore(session);
  const [name, setName] = useState(actor ?? "");
  const save = (): void => {
    actAs(name);
    onClose();
  };
  return (
    <Dialog title="Who you are" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save();
        }}
      >
        <p className="dim">
          {token
            ? "You are whom your token names. A name given here is used only where the token allows it."
            : "Nobody has to sign in here. Commands are recorded under this name."}
        </p>
        <label className="field" htmlFor="actor">
          <span>Name</span>
          <input id="actor" value={name} maxLength={200} spellCheck={false} onChange={(event) => setName(event.target.value)} />
        </label>
        <div className="actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" onClick={save}>Save</Button>
        </div>
      </form>
    </Dialog>
  );
}
