/** Prints what was measured: names to the left, figures to the right. */
export const print = (
  title: string,
  heads: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>
): void => {
  const lines = [heads, ...rows]
  const widths = heads.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  const format = (line: ReadonlyArray<string>): string =>
    line.map((cell, column) => column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)).join(
      "  "
    )
  console.log(`\n${title}\n${lines.map((line) => `  ${format(line)}`).join("\n")}\n`)
}
