import { useState } from "react";
import { useQuery } from "../api/hooks";
import { Me } from "../generated/operations";
import { Choice } from "../ui/controls";
import { Loaded } from "../ui/states";
import { Facts, Text } from "../ui/text";
import { AuditTable } from "./access/audit";
import { GrantTable } from "./access/grants";
import { TokenTable } from "./access/tokens";

type Part = "tokens" | "grants" | "audit";

/** Who may do what: tokens, grants of roles, and what was denied or done by privilege. */
export default function AccessView() {
  const me = useQuery(Me, {});
  const [part, setPart] = useState<Part>("tokens");
  return (
    <div className="page">
      <header className="page-head">
        <h1>Access</h1>
      </header>
      <Loaded of={me} what="Asking who you are">
        {({ viewer }) => (
          <Facts
            of={[
              ["You are", <Text most={200}>{viewer.name}</Text>],
              ["Known by", viewer.method],
              ["You may", viewer.unrestricted ? "everything" : [...new Set(viewer.grants.flatMap((grant) => grant.roles))].join(", ") || "nothing yet"],
            ]}
          />
        )}
      </Loaded>
      <div className="toolbar">
        <Choice label="Part" value={part} options={[["tokens", "API tokens"], ["grants", "Roles"], ["audit", "Audit trail"]]} onChange={(value) => setPart(value ?? "tokens")} />
      </div>
      {part === "tokens" && <TokenTable />}
      {part === "grants" && <GrantTable />}
      {part === "audit" && <AuditTable />}
    </div>
  );
}
