import { useState } from "react";
import { useQuery } from "../api/hooks";
import { Pools, type PoolsData } from "../generated/operations";
import { Meter } from "../ui/controls";
import { Empty, Loaded } from "../ui/states";
import { Status } from "../ui/status";
import { Table } from "../ui/table";
import { Line } from "../ui/text";
import { Ago } from "../ui/time";

type Pool = PoolsData["resources"][number];

/** Pools that steps share: how much is used, by whom, and who waits. */
export default function ResourcesView() {
  const found = useQuery(Pools, { after: "" }, 3_000);
  const [chosen, setChosen] = useState<string | null>(null);
  return (
    <div className="page">
      <header className="page-head">
        <h1>Resources</h1>
      </header>
      <Loaded of={found} what="Loading resources">
        {({ resources }) => resources.length === 0 ? (
          <Empty title="No resource pools">
            <p>A pool limits what steps may use together, such as calls to a service at the same time.</p>
            <pre>psg resources</pre>
          </Empty>
        ) : (
          <>
            <PoolTable pools={resources} chosen={chosen} onChoose={setChosen} />
            <Shares pool={resources.find((pool) => pool.name === chosen) ?? resources[0]!} />
          </>
        )}
      </Loaded>
    </div>
  );
}

function PoolTable({ pools, chosen, onChoose }: { pools: readonly Pool[]; chosen: string | null; onChoose: (name: string) => void }) {
  return (
    <Table
      label="Pools" rows={pools} keyOf={(pool) => pool.name} onOpen={(pool) => onChoose(pool.name)} chosen={chosen ?? pools[0]?.name}
      columns={[
        { name: "Pool", cell: (pool) => <Line>{pool.name}</Line> },
        {
          name: "In use", width: "14rem",
          cell: (pool) => (
            <div className="progress">
              <Meter label={pool.name} total={Math.max(pool.limit, pool.used)} parts={[{ value: pool.used, tone: pool.used >= pool.limit ? "waiting" : "good", name: "used" }]} />
              <span className="num">{`${pool.used} / ${pool.limit}`}</span>
            </div>
          ),
        },
        { name: "Capacity", cell: (pool) => pool.capacity, right: true, width: "7rem" },
        { name: "Allocations", cell: (pool) => pool.allocations, right: true, width: "7rem" },
        { name: "Waiting", cell: (pool) => pool.waiting, right: true, width: "6rem" },
        { name: "Given by", cell: (pool) => pool.strategy, width: "8rem" },
      ]}
    />
  );
}

function Shares({ pool }: { pool: Pool }) {
  return (
    <section aria-label="Allocations">
      <h2>Allocations of <Line>{pool.name}</Line></h2>
      {pool.shares.length === 0 ? <Empty title="Nobody uses it and nobody waits" /> : (
        <Table
          label="Allocations" rows={pool.shares} keyOf={(share) => share.allocationId}
          columns={[
            { name: "State", cell: (share) => <Status of={share.state} />, width: "8rem" },
            { name: "Holder", cell: (share) => <Line>{share.holder}</Line> },
            { name: "Amount", cell: (share) => share.amount, right: true, width: "6rem" },
            { name: "Priority", cell: (share) => share.priority, right: true, width: "6rem" },
            { name: "Asked", cell: (share) => <Ago at={share.askedAt} />, width: "8rem" },
            { name: "Lease", cell: (share) => <Ago at={share.leaseUntil} />, width: "8rem" },
          ]}
        />
      )}
    </section>
  );
}
