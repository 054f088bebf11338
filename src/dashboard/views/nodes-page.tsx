import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ClusterCopy } from '../model/cluster-copy.ts';
import { type NodeSample, samplesOf, withHeartbeat } from '../model/node-samples.ts';
import { useDashboard } from './dashboard-context.ts';
import { NodeCard } from './node-card.tsx';

/** Every node, or one of them, with what it has, what is promised, and how much is in use. */
export function NodesPage(props: {
  readonly copy: ClusterCopy;
  /** Only this node. */
  readonly name: string | undefined;
}): JSX.Element {
  const { copy, name } = props;
  const nodes = copy.nodes.value.filter((node) => name === undefined || node.name === name);
  const samples = useNodeSamples(copy);
  return (
    <>
      <div class="page-head">
        <h1>{name ?? 'Nodes'}</h1>
      </div>
      {nodes.length === 0 && (
        <p class="empty">
          {name === undefined ? 'No node has joined.' : `There is no node ${name} at this moment.`}
        </p>
      )}
      <div class="node-cards">
        {nodes.map((node) => (
          <NodeCard key={node.name} node={node} samples={samples.get(node.name) ?? []} />
        ))}
      </div>
    </>
  );
}

/** How far back charts go when they are opened, in events. */
const HISTORY_EVENT_COUNT = 5000;

/** Each node's use over time: first what the log has, then what heartbeats say. */
function useNodeSamples(copy: ClusterCopy): ReadonlyMap<string, readonly NodeSample[]> {
  const { session, at, live } = useDashboard();
  const isNow = at.value === undefined;
  const revision = isNow ? undefined : copy.revision.value;
  const [samples, setSamples] = useState<ReadonlyMap<string, readonly NodeSample[]>>(new Map());
  const nodes = copy.nodes.value;
  useEffect(() => {
    const stop = new AbortController();
    const read = async (): Promise<void> => {
      const status = live.peek()?.status.peek();
      const end = revision ?? status?.revision ?? 0;
      const after = Math.max(status?.floor ?? 0, end - HISTORY_EVENT_COUNT);
      const types = ['node-observed'] as const;
      const options = { after, follow: false, types, signal: stop.signal };
      const events = await Array.fromAsync(session.client.events(options));
      const then = events.filter((event) => event.revision <= end);
      const names = new Set(then.flatMap(({ node }) => (node === undefined ? [] : [node])));
      setSamples(new Map([...names].map((name) => [name, samplesOf(then, name)])));
    };
    // Charts without their history are still charts; a lost connection shows elsewhere.
    read().catch(() => undefined);
    return () => stop.abort();
  }, [session, live, revision]);
  useEffect(() => {
    if (!isNow) return;
    setSamples(
      (old) =>
        new Map(nodes.map((node) => [node.name, withHeartbeat(old.get(node.name) ?? [], node)])),
    );
  }, [nodes, isNow]);
  return samples;
}
