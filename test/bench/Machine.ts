/** What figures were measured on: told beside them, since nanoseconds mean nothing elsewhere. */
import * as os from "node:os"

export interface Machine {
  /** The day: `2026-11-30`. */
  readonly date: string
  readonly node: string
  readonly platform: string
  /** `2 × AMD EPYC`. */
  readonly processors: string
  /** Over the last minute; what else ran on the machine. */
  readonly load: number
}

export const here = (): Machine => {
  const cpus = os.cpus()
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    platform: `${os.type()} ${os.arch()}`,
    processors: `${cpus.length} × ${cpus[0]?.model.trim() ?? "unknown"}`,
    load: Math.round((os.loadavg()[0] ?? 0) * 10) / 10
  }
}

/** `2026-11-30, Node v24.21.0, Linux x64, 2 × AMD EPYC, load 1.1.` */
export const words = ({ date, load, node, platform, processors }: Machine): string =>
  `${date}, Node ${node}, ${platform}, ${processors}, load ${load.toFixed(1)}`
