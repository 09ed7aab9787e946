import planRun from "../../../../../cypher/psg_cypher/browser/plan_run.cypher";
import { config } from "../../api/config";
import { useStore } from "../../api/store";
import { pathTo } from "../../app/router";
import type { PlanHeadFragment, SumsFragment } from "../../generated/operations";
import { browserLink } from "../../logic/browser";
import { duration } from "../../logic/text";
import { Link } from "../../ui/controls";
import { Copy, Facts, Json, Outside, Text } from "../../ui/text";
import { Moment } from "../../ui/time";

/** Everything about the plan itself. */
export function About({ plan, project }: { plan: PlanHeadFragment; project: string }) {
  const { browser } = useStore(config);
  const link = browserLink(browser, planRun, { project_id: uuidOf(plan.projectId), plan_id: plan.uuid });
  return (
    <div className="about-plan">
      <section className="panel">
        <h2>Plan</h2>
        <Facts
          of={[
            ["Objective", <Text key="o">{plan.objective}</Text>],
            ["Success", plan.successCriteria.length > 0 && <ul key="s">{plan.successCriteria.map((one, i) => <li key={i}><Text>{one}</Text></li>)}</ul>],
            ["Goal met", plan.goalMet === null ? null : plan.goalMet ? "yes" : "no"],
            ["Created", <Moment key="c" at={plan.recordedAt} />],
            ["Started", plan.startedAt && <Moment key="b" at={plan.startedAt} />],
            ["Finished", plan.finishedAt && <Moment key="f" at={plan.finishedAt} />],
            ["On failure", plan.onFailure],
            ["Made by", plan.derivation],
            ["Derived from", plan.derivedFromId && <Link key="d" to={pathTo("/projects/:project/plans/:plan", { project, plan: plan.derivedFromId })}>the plan before</Link>],
            ["Revision", plan.revision],
            ["Id", <span key="i"><code>{plan.uuid}</code> <Copy text={plan.uuid} /></span>],
            ["Neo4j", link && <Outside key="n" href={link}>Open in Neo4j Browser</Outside>],
          ]}
        />
      </section>
      <Spending spending={plan.spending} />
      {plan.params !== null && (
        <section className="panel">
          <h2>Parameters</h2>
          <Json value={plan.params} />
        </section>
      )}
    </div>
  );
}

/** A global id names type, project and node; the project's part is what Cypher wants. */
export function uuidOf(globalId: string): string {
  try {
    return atob(globalId.replaceAll("-", "+").replaceAll("_", "/")).split(":")[2] ?? "";
  } catch {
    return "";
  }
}

const AMOUNTS: readonly (readonly [keyof SumsFragment, string])[] = [
  ["cost", "Cost"], ["tokens", "Tokens"], ["calls", "Calls"], ["wallMs", "Time"],
];

function Spending({ spending }: { spending: PlanHeadFragment["spending"] }) {
  if (!spending) return null;
  const amount = (name: keyof SumsFragment, value: number | null): string =>
    value === null ? "—" : name === "wallMs" ? duration(value) : value.toLocaleString("en", { maximumFractionDigits: 6 });
  return (
    <section className="panel">
      <h2>Budget</h2>
      <table aria-label="Budget">
        <thead>
          <tr><th scope="col">Amount</th><th scope="col" className="right">Spent</th><th scope="col" className="right">Reserved</th><th scope="col" className="right">Limit</th></tr>
        </thead>
        <tbody>
          {AMOUNTS.map(([name, label]) => (
            <tr key={name}>
              <td>{label}</td>
              <td className="right num">{amount(name, spending.spent[name])}</td>
              <td className="right num">{amount(name, spending.reserved[name])}</td>
              <td className="right num">{amount(name, spending.limit[name])}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
