/** The programs that keep servers for a shell, beside each other. */
import type { Chooser, Scorecard } from "../Scorecard.ts"
import { better, stamp, table } from "../Table.ts"
import { cell, isBeaten, type Outcome, outcome } from "../Verdict.ts"
import { cases, warmCall } from "./cases.ts"
import { prepare } from "./peers.ts"

const rounds = 11

export const daemonScorecard = async (isChosen: Chooser): Promise<Scorecard> => {
  const peers = prepare()
  const rows: Array<ReadonlyArray<string>> = []
  const beaten: Array<string> = []
  let isOursRight = true
  for (const { judge, name, right } of cases.filter(({ name }) => isChosen(name))) {
    const outcomes: Array<Outcome> = []
    for (const peer of peers) {
      console.error(`${name}: ${peer.name}`)
      outcomes.push(await outcome(() => judge(peer)))
    }
    if (outcomes[0]?.isRight !== true) isOursRight = false
    if (isBeaten(outcomes)) beaten.push(name)
    rows.push([`${name} (${right})`, ...outcomes.map(cell)])
  }

  const ratios: Array<number> = []
  const speeds: Array<string> = []
  const warm = "a warm call"
  for (const peer of isChosen(warm) ? peers : []) {
    console.error(`${warm}: ${peer.name}`)
    try {
      const { call, node } = await warmCall(peer, rounds)
      ratios.push(call / node)
      speeds.push(`${(call / node).toFixed(2)} × (${call.toFixed(0)} ms)`)
    } catch (error) {
      ratios.push(Number.POSITIVE_INFINITY)
      speeds.push(`– ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  if (isChosen(warm)) rows.push([`${warm} ÷ \`node -e 0\`, medians of ${rounds} in turn`, ...speeds])
  if (Math.min(...ratios) < (ratios[0] ?? Number.NaN)) beaten.push(warm)

  const header = ["case (what is right)", ...peers.map(({ name }) => name)]
  return { text: [table(header, rows), better(beaten, "holdfast"), stamp()].join("\n\n"), isOursRight }
}
