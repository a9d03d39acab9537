// Import circles: files that each need the code of the next one, and the last the code of the first. Pure.

/** Each file with the files whose code it imports. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** Every circle that a walk from each file runs into, as the files in their order; the first is repeated at the end. */
export function importCycles(graph: ImportGraph): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const walk = (file: string): void => {
    const at = path.indexOf(file);
    if (at >= 0) {
      cycles.push([...path.slice(at), file]);
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const next of graph.get(file) ?? []) walk(next);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) walk(file);
  return cycles;
}
