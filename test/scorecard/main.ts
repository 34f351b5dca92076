/**
 * `pnpm scorecard daemon`: what becomes of calls through the daemon, beside three other programs that keep servers for a shell, on this machine and with
 * the same server. Each case has a user of its own. A case in which another one does better than ours is told.
 *
 * A word behind it chooses the cases that have it in their names: `pnpm scorecard daemon deadline`. The others are installed from npm, exactly pinned, into `.tmp/scorecard`. `--write` puts the table into `docs/scorecard.md`. Ends with 1 if a
 * case of ours is not right.
 */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { cases, type Verdict, warmCall } from "./daemon/cases.ts"
import { prepare } from "./daemon/peers.ts"

const [which, ...more] = process.argv.slice(2)
const isWritten = more.includes("--write")
const chosen = more.filter((word) => word !== "--write")
if (which !== "daemon") {
  console.error("say which: pnpm scorecard daemon")
  process.exit(2)
}

const rounds = 11
const peers = prepare()

/** What came of it; what fails or cannot be tried is told with the reason. */
const outcome = async (judge: () => Promise<Verdict | string>): Promise<Verdict & { readonly isTried: boolean }> => {
  try {
    const verdict = await judge()
    return typeof verdict === "string"
      ? { words: verdict, isRight: false, isTried: false }
      : { ...verdict, isTried: true }
  } catch (error) {
    return {
      words: `cannot be tried: ${error instanceof Error ? error.message : String(error)}`,
      isRight: false,
      isTried: false
    }
  }
}

const rows: Array<ReadonlyArray<string>> = []
const better: Array<string> = []
let isOursRight = true
const isChosen = (name: string): boolean => chosen.length === 0 || chosen.some((word) => name.includes(word))
for (const { judge, name, right } of cases.filter(({ name }) => isChosen(name))) {
  const verdicts: Array<Awaited<ReturnType<typeof outcome>>> = []
  for (const peer of peers) {
    console.error(`${name}: ${peer.name}`)
    verdicts.push(await outcome(() => judge(peer)))
  }
  const [ours, ...others] = verdicts
  if (ours?.isRight !== true) {
    isOursRight = false
    if (others.some(({ isRight }) => isRight)) better.push(name)
  }
  rows.push([
    `${name} (${right})`,
    ...verdicts.map(({ isRight, isTried, words }) => isTried ? `${isRight ? "✓" : "✗"} ${words}` : `– ${words}`)
  ])
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
if (Math.min(...ratios) < (ratios[0] ?? Number.NaN)) better.push(warm)

const line = (cells: ReadonlyArray<string>): string =>
  `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`
const header = ["case (what is right)", ...peers.map(({ name }) => name)]
const [processor] = os.cpus()
const table = [
  line(header),
  line(header.map(() => "---")),
  ...rows.map(line),
  "",
  better.length === 0
    ? "In no row another one does better than holdfast."
    : `Another one does better in: ${better.join("; ")}.`,
  "",
  `${
    new Date().toISOString().slice(0, 10)
  }, Node ${process.version}, ${os.type()} ${os.arch()}, ${os.cpus().length} × ${processor?.model.trim()}, load ${
    os.loadavg()[0]?.toFixed(1)
  } at the end.`
].join("\n")
console.log(table)

if (isWritten) {
  const file = path.resolve(import.meta.dirname, "../../docs/scorecard.md")
  const text = fs.readFileSync(file, "utf8")
  const [before = ""] = text.split("<!-- scorecard: daemon -->")
  fs.writeFileSync(file, `${before}<!-- scorecard: daemon -->\n\n${table}\n`)
}
process.exitCode = isOursRight ? 0 : 1
