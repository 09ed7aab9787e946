import { useState } from "react";
import { config } from "../api/config";
import { request } from "../api/client";
import { asError, type ApiError } from "../api/errors";
import { useQuery } from "../api/hooks";
import { useStore } from "../api/store";
import { AskCypher, Projects, SavedQuestions, type AnswerFragment, type SavedQuestionsData } from "../generated/operations";
import { browserLink } from "../logic/browser";
import { Button, Select } from "../ui/controls";
import { Empty, Loaded, Loading, Problem } from "../ui/states";
import { Outside } from "../ui/text";
import { AnswerView } from "./questions/answer";
import { AskSavedForm } from "./questions/saved";

type Question = SavedQuestionsData["savedQuestions"][number];

interface Asked {
  readonly busy: boolean;
  readonly answer: AnswerFragment | null;
  readonly error: ApiError | null;
}

const NOT_ASKED: Asked = { busy: false, answer: null, error: null };

/** Questions about the graph, in Cypher: those that ship with the platform, and one's own. They only read. */
export default function QuestionsView() {
  const saved = useQuery(SavedQuestions, {});
  const [name, setName] = useState("");
  const [asked, setAsked] = useState<Asked>(NOT_ASKED);
  const ask = (answer: Promise<AnswerFragment>): void => {
    setAsked({ ...NOT_ASKED, busy: true });
    answer.then(
      (found) => setAsked({ busy: false, answer: found, error: null }),
      (thrown: unknown) => setAsked({ busy: false, answer: null, error: asError(thrown) }),
    );
  };
  return (
    <div className="page">
      <header className="page-head">
        <h1>Questions</h1>
      </header>
      <Loaded of={saved} what="Loading questions">
        {({ savedQuestions }) => {
          const question = savedQuestions.find((one) => one.name === name) ?? null;
          return (
            <>
              <Select
                label="Question" value={name} onChange={(value) => { setName(value); setAsked(NOT_ASKED); }}
                options={[["", "My own, in Cypher"], ...savedQuestions.map((one) => [one.name, one.title] as const)]}
              />
              <Form key={name} question={question} busy={asked.busy} onAsk={ask} />
            </>
          );
        }}
      </Loaded>
      {asked.busy && <Loading what="Asking" />}
      {asked.error && <Problem error={asked.error} />}
      {asked.answer && <AnswerView answer={asked.answer} />}
      {!asked.busy && !asked.error && !asked.answer && (
        <Empty title="No answer yet">Choose a question or write one. It can read and nothing else, within limits of rows, memory and time.</Empty>
      )}
    </div>
  );
}

function Form({ question, busy, onAsk }: { question: Question | null; busy: boolean; onAsk: (answer: Promise<AnswerFragment>) => void }) {
  if (question?.ofProject) return <AskSavedForm question={question} busy={busy} onAsk={onAsk} />;
  return <CypherForm text={question?.text ?? "MATCH (p:Plan) RETURN p.title AS plan, p.status AS status ORDER BY p.title LIMIT 25"} busy={busy} onAsk={onAsk} />;
}

function parse(text: string): unknown {
  if (text.trim() === "") return null;
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("Parameters are one JSON object");
  return value;
}

function CypherForm({ text, busy, onAsk }: { text: string; busy: boolean; onAsk: (answer: Promise<AnswerFragment>) => void }) {
  const [query, setQuery] = useState(text);
  const [params, setParams] = useState("");
  const [wrong, setWrong] = useState<string | null>(null);
  const { browser } = useStore(config);
  const projects = useQuery(Projects, { after: null });
  const send = (): void => {
    try {
      const given = parse(params);
      setWrong(null);
      onAsk(request(AskCypher, { query, params: given }).then((data) => data.cypher));
    } catch (thrown) {
      setWrong(asError(thrown).message);
    }
  };
  return (
    <form onSubmit={(event) => { event.preventDefault(); send(); }}>
      <label className="field" htmlFor="question">
        <span>Cypher, reading only (Ctrl-Enter asks)</span>
        <textarea
          id="question" className="question" value={query} spellCheck={false} maxLength={20_000} onChange={(event) => setQuery(event.target.value)}
          onKeyDown={(event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send(); }}
        />
      </label>
      <label className="field" htmlFor="params">
        <span>Parameters as JSON{projects.data?.projects.nodes[0] ? `, such as {"project_id": "${projects.data.projects.nodes[0].uuid}"}` : ""}</span>
        <input id="params" className="mono" value={params} spellCheck={false} onChange={(event) => setParams(event.target.value)} />
      </label>
      {wrong && <p role="alert" className="bad-text">{wrong}</p>}
      <div className="toolbar">
        <Button kind="primary" busy={busy} disabled={query.trim() === ""} onClick={send}>Ask</Button>
        {browser && <Outside href={browserLink(browser, query, {})}>Open in Neo4j Browser</Outside>}
      </div>
    </form>
  );
}
