/**
 * Delta debugging (Zeller and Hildebrandt, 2002): leaves out larger and then smaller parts of a
 * list for as long as what is left still fails. Gives a list that fails and is as short as was
 * found within so many tries; the order stays.
 */
export async function shrink<Item>(
  items: readonly Item[],
  fails: (items: readonly Item[]) => Promise<boolean>,
  tryCountMax: number,
): Promise<readonly Item[]> {
  let left = items;
  let tries = 0;
  let size = Math.ceil(left.length / 2);
  while (size >= 1 && left.length > 0) {
    let isShorter = false;
    for (let start = 0; start < left.length; ) {
      if (tries >= tryCountMax) return left;
      tries += 1;
      const without = [...left.slice(0, start), ...left.slice(start + size)];
      if (await fails(without)) {
        left = without;
        isShorter = true;
      } else {
        start += size;
      }
    }
    if (size === 1 && !isShorter) break;
    if (!isShorter || size > left.length) size = size === 1 ? 1 : Math.floor(size / 2);
  }
  return left;
}
