import { useQuery } from "../../api/hooks";
import type { ViewProps } from "../../app/routes";
import { Plan } from "../../generated/operations";
import { Loaded } from "../../ui/states";
import { Text } from "../../ui/text";

export default function PlanView({ params }: ViewProps) {
  const found = useQuery(Plan, { id: params["plan"] ?? "" });
  return <div className="page"><Loaded of={found}>{({ plan }) => <h1><Text>{plan?.title}</Text></h1>}</Loaded></div>;
}
