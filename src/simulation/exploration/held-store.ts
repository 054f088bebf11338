import type { Store } from '../../store/store.ts';
import type { InFlight } from './in-flight.ts';

/** A store whose writes wait, in their order, until they are chosen to come about. */
export function heldStore(
  store: Store,
  process: { readonly inFlight: InFlight; readonly actor: string; readonly owner: string },
): Store {
  const { inFlight, actor, owner } = process;
  const held: Store = Object.create(store);
  held.transact = (transaction) =>
    new Promise((resolve, reject) => {
      inFlight.add({
        name: inFlight.name(`${owner} writes`),
        content: transaction,
        actor,
        owner,
        kind: 'write',
        deliver: () => void store.transact(transaction).then(resolve, reject),
        // It is made, and the process does not live to hear of it.
        lose: () => void store.transact(transaction).catch(() => undefined),
      });
    });
  return held;
}
