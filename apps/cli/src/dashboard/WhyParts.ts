/** What is known of the past of a server, as the page shows it: the same as `holdfast why` prints. */
import type { CallRecord, ExplainedKey, History, Try } from "@holdfast/daemon/ControlContract"
import type { WhyPart } from "@holdfast/dashboard/DashboardContract"
import { factsOf, isFailure, outcomeOf, stepOf, wordsOf } from "@holdfast/mcp/Explanation"
import { spanOf } from "../Sizes.ts"

type Entry = WhyPart["entries"][number]

/** Parts without entries are left out. The newest entries are the last. */
export const of = ({ calls = [], keys, tries }: History): ReadonlyArray<WhyPart> =>
  [
    { title: "The last tries", entries: tries.map(ofTry) },
    { title: "The last calls", entries: calls.map(ofCall) },
    { title: "Its processes", entries: keys.map(ofKey) }
  ].filter(({ entries }) => entries.length > 0)

const said = (...texts: ReadonlyArray<string | undefined>): ReadonlyArray<string> =>
  texts.filter((text) => text !== undefined).map((text) => text.trimEnd()).filter((text) => text !== "")

const ofTry = (one: Try): Entry => {
  const { advice, at, http, message, page, stderr, steps } = one
  const facts = factsOf(one)
  return {
    at,
    line: [outcomeOf(one), ...facts].join(", "),
    mood: isFailure(one) ? "bad" : one.outcome === "ready" ? "good" : "off",
    details: said(
      steps.map(stepOf).join(", "),
      message,
      stderr === undefined ? undefined : `stderr: ${stderr}`,
      http?.body === undefined ? undefined : `the answer: ${http.body}`,
      advice === undefined ? undefined : `→ ${advice}`,
      page === undefined ? undefined : `→ ${page} says more`
    )
  }
}

const ofCall = (call: CallRecord): Entry => {
  const { at, by, delivery, id, message, method, millis, name, outcome, reason, repeats } = call
  const known = delivery === undefined ? "" : delivery === "Unknown" ? ", it may have run" : ", it has not run"
  const isBad = outcome === "failed" || outcome === "error" || outcome === "tool error"
  return {
    at,
    line: `${name ?? method} ${outcome}${known} after ${spanOf(millis)}`,
    mood: isBad ? "bad" : outcome === "answered" ? "good" : outcome === "running" ? "busy" : "off",
    details: said(
      wordsOf(call),
      ...repeats.map((each) => `after ${spanOf(each.afterMillis)}: ${each.message}`),
      message === undefined ? undefined : reason === undefined ? message : `${reason}: ${message}`,
      `${by === undefined ? "" : `by ${by}; `}holdfast why --call ${id}`
    )
  }
}

const ofKey = ({ differs, era, leases, pids, sharing }: ExplainedKey): Entry => ({
  line: `${pids.length === 1 ? "process" : "processes"} ${pids.join(", ") || "none"}, ${era}, ${sharing}`,
  mood: "off",
  details: said(
    leases.length === 0 ? undefined : `used by ${leases.map(({ pid, program }) => `${program} (${pid})`).join(", ")}`,
    differs.length === 0 ? undefined : `apart because of: ${differs.join("; ")}`
  )
})
