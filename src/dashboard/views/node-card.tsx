import type { JSX } from 'preact';
import type { NodeReply } from '../../link/replies.ts';
import { formatBytes } from '../../task/quantity.ts';
import { countOf } from '../model/count-of.ts';
import { steerNode } from '../model/features.ts';
import { formatMoment } from '../model/format-time.ts';
import type { NodeSample } from '../model/node-samples.ts';
import { ConfirmButton } from './confirm-button.tsx';
import { useDashboard } from './dashboard-context.ts';
import { Fact } from './fact.tsx';
import { NodeLabels } from './node-labels.tsx';
import { NodeState } from './node-state.tsx';
import { NodeUsage } from './node-usage.tsx';
import { SparkLine } from './spark-line.tsx';

/** All that is known of one node, and what can be asked of it. */
export function NodeCard(props: {
  readonly node: NodeReply;
  readonly samples: readonly NodeSample[];
}): JSX.Element {
  const { node, samples } = props;
  const { at, bar } = useDashboard();
  const { capacity } = node;
  const points = (key: 'cpu' | 'memory'): { at: number; value: number }[] =>
    samples.map(({ timeMs, used }) => ({ at: timeMs, value: used[key] }));
  const cores = (value: number): string => countOf(Math.round(value * 100) / 100, 'core');
  return (
    <section class="panel" aria-label={node.name}>
      <header class="column-head">
        <h2>
          <a href={bar.href(['nodes', node.name])}>{node.name}</a>
        </h2>
        <NodeState node={node} />
        {at.value === undefined && <NodeButtons node={node} />}
      </header>
      {node.draining && node.taskCount > 0 && (
        <p class="banner">Draining: {countOf(node.taskCount, 'task')} still to leave.</p>
      )}
      <NodeUsage node={node} />
      <div class="sparks">
        <SparkLine title="CPU" points={points('cpu')} valueMax={capacity.cpu} format={cores} />
        <SparkLine
          title="Memory"
          points={points('memory')}
          valueMax={capacity.memory}
          format={formatBytes}
        />
      </div>
      <dl class="facts">
        <Fact name="Tasks">
          <a href={bar.href(['tasks'], { node: node.name })}>{node.taskCount} not ended</a>
        </Fact>
        <Fact name="Since">{formatMoment(node.livenessSince)}</Fact>
        <Fact name="Why">{node.livenessReason}</Fact>
        <Fact name="Load">{node.stats && Math.round(node.stats.load * 100) / 100}</Fact>
        <Fact name="Labels">
          <NodeLabels node={node} />
        </Fact>
        <Fact name="Runtimes">
          {node.runtimes
            .map(({ name, available, version, reason }) =>
              available
                ? `${name} ${version ?? ''}`.trim()
                : `${name}: not available. ${reason ?? ''}`,
            )
            .join('; ')}
        </Fact>
        <Fact name="Address">{node.address}</Fact>
        <Fact name="Version">{node.version}</Fact>
      </dl>
    </section>
  );
}

/** Drain and resume, where the manager knows of them. */
function NodeButtons({ node }: { readonly node: NodeReply }): JSX.Element | null {
  const { session, features } = useDashboard();
  const wish = node.draining ? 'resume' : 'drain';
  if (!features.value[wish]) return null;
  const question = node.draining
    ? `Let ${node.name} take tasks again?`
    : `Move the tasks of ${node.name} elsewhere, and let it take no new ones?`;
  return (
    <ConfirmButton
      title={node.draining ? 'Resume' : 'Drain'}
      question={question}
      onConfirm={() => steerNode(session.connection, node.name, wish)}
    />
  );
}
