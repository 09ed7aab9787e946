import { useState } from "react";
import { config } from "../../api/config";
import { request } from "../../api/client";
import { useQuery } from "../../api/hooks";
import { useStore } from "../../api/store";
import { AskSaved, Plans, Projects, type AnswerFragment, type SavedQuestionsData } from "../../generated/operations";
import { browserLink } from "../../logic/browser";
import { isolate } from "../../logic/text";
import { Button, Select } from "../../ui/controls";
import { Empty, Loaded } from "../../ui/states";
import { Outside, Text } from "../../ui/text";

type Question = SavedQuestionsData["savedQuestions"][number];

interface Props {
  question: Question;
  busy: boolean;
  onAsk: (answer: Promise<AnswerFragment>) => void;
}

/** A question about one project: it is asked by its name, so that it needs no more than the right to look. */
export function AskSavedForm({ question, busy, onAsk }: Props) {
  const projects = useQuery(Projects, { after: null });
  return (
    <Loaded of={projects} what="Loading projects">
      {({ projects: { nodes } }) => nodes.length === 0
        ? <Empty title="No projects yet" />
        : <InProject question={question} busy={busy} onAsk={onAsk} projects={nodes} />}
    </Loaded>
  );
}

function InProject({ question, busy, onAsk, projects }: Props & { projects: readonly { id: string; uuid: string; name: string }[] }) {
  const [project, setProject] = useState(projects[0]?.id ?? "");
  const [plan, setPlan] = useState("");
  const [step, setStep] = useState("");
  const wanted = new Set(question.parameters.map((parameter) => parameter.name));
  const wantsPlan = wanted.has("plan_id");
  const wantsStep = [...wanted].some((name) => name.startsWith("step"));
  const plans = useQuery(Plans, wantsPlan && project ? { projectId: project, status: null, after: null } : null);
  const { browser } = useStore(config);
  const found = plans.data?.plans.nodes ?? [];
  const chosen = plan || found[0]?.id || "";
  const missing = (wantsPlan && !chosen) || (wantsStep && step.trim() === "");
  const send = (): void => onAsk(
    request(AskSaved, { name: question.name, projectId: project, planId: wantsPlan ? chosen : null, stepKey: wantsStep ? step.trim() : null })
      .then((data) => data.savedAnswer),
  );
  const params = {
    project_id: projects.find((one) => one.id === project)?.uuid ?? "", plan_id: found.find((one) => one.id === chosen)?.uuid ?? "",
    step_key: step.trim(),
  };
  return (
    <form onSubmit={(event) => { event.preventDefault(); if (!missing) send(); }}>
      <div className="toolbar">
        <Select label="Project" value={project} onChange={(value) => { setProject(value); setPlan(""); }} options={projects.map((one) => [one.id, isolate(one.name).slice(0, 60)])} />
        {wantsPlan && <Select label="Plan" value={chosen} onChange={setPlan} options={found.map((one) => [one.id, isolate(one.title).slice(0, 60)])} />}
        {wantsStep && (
          <label className="field inline" htmlFor="step-key"><span>Step</span>
            <input id="step-key" value={step} maxLength={200} onChange={(event) => setStep(event.target.value)} />
          </label>
        )}
        <Button kind="primary" busy={busy} disabled={missing} onClick={send}>Ask</Button>
        {browser && <Outside href={browserLink(browser, question.text, params)}>Open in Neo4j Browser</Outside>}
      </div>
      <details>
        <summary className="dim">Its Cypher</summary>
        <pre className="mono"><Text most={5_000}>{question.text}</Text></pre>
      </details>
    </form>
  );
}
