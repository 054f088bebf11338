import { describe, expect, it } from 'vitest';
import { NodeTable } from '../../../src/manager/node-table.ts';
import { makeNode } from '../../support/cluster.ts';

const names = (nodes: Iterable<{ readonly name: string }>) => [...nodes].map(({ name }) => name);

describe('the table of nodes', () => {
  it('gives nodes in the order of their names, as they are now', () => {
    const table = new NodeTable();
    for (const name of ['n2', 'n10', 'n1']) table.set(makeNode(name));
    expect(names(table.sorted())).toEqual(['n1', 'n10', 'n2']);
    const changed = makeNode('n2', { liveness: 'down' });
    table.set(changed);
    expect(table.sorted().at(-1)).toBe(changed);
    table.set(makeNode('n0'));
    expect(names(table.sorted())).toEqual(['n0', 'n1', 'n10', 'n2']);
    expect(table.size).toBe(4);
  });

  it('knows which nodes are being drained', () => {
    const table = new NodeTable();
    table.set(makeNode('n1', { draining: true }));
    table.set(makeNode('n2'));
    expect([...table.draining]).toEqual(['n1']);
    table.set(makeNode('n1', { draining: false }));
    expect([...table.draining]).toEqual([]);
  });

  it('knows a worker by every name that it has now', () => {
    const table = new NodeTable();
    table.set(makeNode('n1', { id: 'one' }));
    table.set(makeNode('n2', { id: 'one' }));
    expect(names(table.ofWorker('one'))).toEqual(['n1', 'n2']);
    table.set(makeNode('n1', { id: 'two' }));
    expect(names(table.ofWorker('one'))).toEqual(['n2']);
    expect(names(table.ofWorker('two'))).toEqual(['n1']);
    expect(table.ofWorker('three')).toEqual([]);
  });
});
