import { useState } from "react";
import { request } from "../../api/client";
import { asError } from "../../api/errors";
import { commandId, useMutation, useQuery } from "../../api/hooks";
import { ApiTokens, CreateApiToken, RevokeApiToken, type ApiTokensData, type GrantedRole } from "../../generated/operations";
import { Button, Dialog, Select } from "../../ui/controls";
import { Empty, Loaded } from "../../ui/states";
import { Status } from "../../ui/status";
import { Pager, Table, usePages } from "../../ui/table";
import { Copy, Line, Text } from "../../ui/text";
import { Ago } from "../../ui/time";
import { toast } from "../../ui/toasts";

type Token = ApiTokensData["apiTokens"]["nodes"][number];

export const ROLES: readonly GrantedRole[] = ["viewer", "operator", "approver", "agent", "admin", "cypher"];

export function TokenTable() {
  const pages = usePages();
  const found = useQuery(ApiTokens, { after: pages.after }, 15_000);
  const [making, setMaking] = useState(false);
  const revoke = useMutation(RevokeApiToken);
  const end = async (token: Token): Promise<void> => {
    if (!(await revoke.run({ input: { tokenId: token.id, commandId: commandId() } }))) return;
    toast(`Revoked a token of ${token.actor}`);
    found.reload();
  };
  return (
    <section aria-label="API tokens">
      <div className="toolbar"><Button small onClick={() => setMaking(true)}>New token</Button></div>
      {revoke.problem && <p role="alert" className="bad-text"><Text>{revoke.problem}</Text></p>}
      <Loaded of={found} what="Loading tokens">
        {({ apiTokens }) => apiTokens.nodes.length === 0 && pages.number === 1 ? (
          <Empty title="No tokens yet">A token lets a person or a program use the API as somebody, until it ends or is revoked.</Empty>
        ) : (
          <>
            <Table
              label="API tokens" rows={apiTokens.nodes} keyOf={(token) => token.id}
              columns={[
                { name: "State", cell: (token) => <Status of={token.active ? "active" : token.revokedAt ? "cancelled" : "expired"} label={token.active ? "Active" : token.revokedAt ? "Revoked" : "Expired"} />, width: "7rem" },
                { name: "Speaks for", cell: (token) => <><Line>{token.actor}</Line><Line className="sub">{token.note}</Line></> },
                { name: "Limited to", cell: (token) => <Line>{limits(token)}</Line> },
                { name: "Made", cell: (token) => <><Ago at={token.createdAt} /> <Line className="sub">{`by ${token.createdBy}`}</Line></>, width: "10rem" },
                { name: "Ends", cell: (token) => token.expiresAt ? <Ago at={token.expiresAt} /> : "never", width: "8rem" },
                { name: "", right: true, width: "6rem", cell: (token) => token.active && <Button small kind="danger" busy={revoke.busy} onClick={() => void end(token)}>Revoke</Button> },
              ]}
            />
            <Pager pages={pages} info={apiTokens.pageInfo} />
          </>
        )}
      </Loaded>
      {making && <NewToken onClose={() => { setMaking(false); found.reload(); }} />}
    </section>
  );
}

function limits(token: Token): string {
  const roles = token.roles?.join(", ") ?? "all that is granted";
  return token.projectIds === null ? roles : `${roles} in ${token.projectIds.length} project(s)`;
}

/** Makes a token and shows it, this once: it is stored nowhere but as a hash. */
function NewToken({ onClose }: { onClose: () => void }) {
  const [actor, setActor] = useState("");
  const [note, setNote] = useState("");
  const [role, setRole] = useState("");
  const [days, setDays] = useState("90");
  const [problem, setProblem] = useState<string | null>(null);
  const [made, setMade] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const make = async (): Promise<void> => {
    setBusy(true);
    setProblem(null);
    const roles = role === "" ? null : [role as GrantedRole];
    const input = { actor: actor.trim(), note: note.trim() || null, roles, grant: roles !== null, lifeDays: days === "" ? null : Number(days), commandId: commandId() };
    try {
      const { createApiToken: answer } = await request(CreateApiToken, { input });
      if (answer.__typename === "CreatedApiTokenPayload") setMade(answer.text);
      else setProblem(answer.message);
    } catch (thrown) {
      setProblem(asError(thrown).message);
    } finally {
      setBusy(false);
    }
  };
  if (made !== null) {
    return (
      <Dialog title="The new token" onClose={onClose}>
        <p>Copy it now: it is not shown again.</p>
        <pre className="mono" aria-label="Token"><Text>{made}</Text></pre>
        <div className="actions"><Copy text={made} /><Button kind="primary" onClick={onClose}>Done</Button></div>
      </Dialog>
    );
  }
  return (
    <Dialog title="New token" onClose={onClose}>
      <form onSubmit={(event) => { event.preventDefault(); void make(); }}>
        <label className="field" htmlFor="token-actor"><span>Speaks for</span><input id="token-actor" value={actor} maxLength={200} onChange={(event) => setActor(event.target.value)} /></label>
        <label className="field" htmlFor="token-note"><span>Note</span><input id="token-note" value={note} maxLength={200} onChange={(event) => setNote(event.target.value)} /></label>
        <Select label="Role, everywhere" value={role} onChange={setRole} options={[["", "What is granted to it"], ...ROLES.map((one) => [one, one] as const)]} />
        <Select label="Ends" value={days} onChange={setDays} options={[["1", "in a day"], ["30", "in 30 days"], ["90", "in 90 days"], ["365", "in a year"]]} />
        {problem && <p role="alert" className="bad-text"><Text>{problem}</Text></p>}
        <div className="actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" busy={busy} disabled={actor.trim() === ""} onClick={() => void make()}>Make it</Button>
        </div>
      </form>
    </Dialog>
  );
}
