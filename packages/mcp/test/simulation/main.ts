/**
 * `node test/simulate/mcp.ts [seeds] [from]`: runs the simulation over many seeds, and shrinks what it finds.
 *
 * Exit code 1 when an invariant broke. Each seed is a world of its own, so any range can be split over machines.
 */
import * as McpSimulation from "./McpSimulation.ts"

const [count = 10_000, from = 0] = process.argv.slice(2).map(Number)
if (!Number.isSafeInteger(count) || !Number.isSafeInteger(from) || count < 1) {
  console.error("usage: node test/simulate/mcp.ts [seeds] [from]   (seeds at least 1)")
  process.exit(2)
}

const started = performance.now()
const outcomes = new Map<string, number>()
const broken: Array<McpSimulation.McpRun> = []
let steps = 0
let virtualMillis = 0
let reported = started
for (let seed = from; seed < from + count; seed++) {
  const run = McpSimulation.run(seed)
  steps += run.steps
  virtualMillis += run.virtualMillis
  for (const [outcome, n] of run.outcomes) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + n)
  if (run.violations.length > 0) broken.push(run)
  if (process.stderr.isTTY && performance.now() - reported > 1000) {
    reported = performance.now()
    process.stderr.write(`\r${seed - from + 1} of ${count} seeds, ${broken.length} broken `)
  }
}
if (process.stderr.isTTY) process.stderr.write("\r\u001B[K")

const seconds = (performance.now() - started) / 1000
const row = (name: string, value: string) => console.log(`  ${name.padEnd(44)}${value.padStart(12)}`)
console.log(`MCP simulation, seeds ${from} to ${from + count - 1}`)
row("seconds", seconds.toFixed(1))
row("seeds per second", (count / seconds).toFixed(0))
row("scheduler steps", String(steps))
row("simulated hours", (virtualMillis / 3_600_000).toFixed(1))
row("times real time", (virtualMillis / 1000 / seconds).toFixed(0))
for (const [outcome, n] of [...outcomes].toSorted((a, b) => b[1] - a[1])) row(outcome, String(n))
row("seeds that broke", String(broken.length))
const kinds = new Map<string, number>()
for (const { violations } of broken) {
  for (const invariant of new Set(violations.map((violation) => violation.invariant))) {
    kinds.set(invariant, (kinds.get(invariant) ?? 0) + 1)
  }
}
for (const [invariant, n] of kinds) row(`broke: ${invariant}`, String(n))
for (const run of broken.slice(0, 5)) {
  const small = McpSimulation.shrink(run)
  console.log(`\nseed ${run.seed}, replay with: node test/simulate/mcp.ts 1 ${run.seed}`)
  for (const violation of small.run.violations.slice(0, 3)) {
    console.log(`  ${violation.invariant}\n    at ${violation.atMillis} ms: ${violation.detail}`)
  }
  console.log(`  shrunk to ${JSON.stringify(small.scenario)}`)
}
if (broken.length > 0) process.exitCode = 1
