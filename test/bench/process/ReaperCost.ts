/** What the reaper holds in memory, as the kernel counts it. */
import * as Reaper from "@holdfast/process/Reaper"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as Report from "../Report.ts"

export const reaperCost = Effect.gen(function*() {
  yield* Reaper.start
  const { kind, pid } = yield* Reaper.status
  const rollup = fs.readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")
  const kibibytes = (name: string): string => {
    const [, value = "?"] = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(rollup) ?? []
    return `${value} KiB`
  }
  Report.print(`The reaper, one per program (${kind})`, [
    { name: "RSS", figure: kibibytes("Rss") },
    { name: "PSS (its share of what is shared)", figure: kibibytes("Pss") },
    { name: "private", figure: kibibytes("Private_Dirty") }
  ])
})
