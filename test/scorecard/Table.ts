/** A table in Markdown, and the line that says on which machine and when it was made. */
import * as os from "node:os"

const line = (cells: ReadonlyArray<string>): string =>
  `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`

export const table = (header: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n")

/** What was compared in which another one does better than ours. */
export const better = (names: ReadonlyArray<string>, ours: string): string =>
  names.length === 0
    ? `In nothing of this another one does better than ${ours}.`
    : `Another one does better than ${ours} in: ${names.join("; ")}.`

export const stamp = (): string => {
  const processors = os.cpus()
  return `${
    new Date().toISOString().slice(0, 10)
  }, Node ${process.version}, ${os.type()} ${os.arch()}, ${processors.length} × ${processors[0]?.model.trim()}, load ${
    os.loadavg()[0]?.toFixed(1)
  } at the end.`
}
