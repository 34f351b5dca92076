/**
 * The demo's witness: what the operating system says about processes, not what the library says about itself.
 *
 * Starts are counted by Node's own diagnostics channel, whoever starts them. What is alive is read from `/proc`, where every
 * process the demo causes bears its tag in the environment; elsewhere the started pids are asked for one by one.
 */
import { randomUUID } from "node:crypto"
import * as diagnostics from "node:diagnostics_channel"
import * as fs from "node:fs"

export const tag = { name: "HOLDFAST_DEMO", value: randomUUID() } as const

const started: Array<number> = []

/** Where the demo's test wants each start noted, a line each, so that a failure can say what was started. */
const notes = process.env["HOLDFAST_DEMO_STARTS"]

diagnostics.subscribe("child_process", (message) => {
  const child = typeof message === "object" && message !== null && "process" in message ? message.process : undefined
  if (typeof child !== "object" || child === null) return
  // The channel reports before the spawn; the pid is there one turn later.
  queueMicrotask(() => {
    if (!("pid" in child) || typeof child.pid !== "number") return
    started.push(child.pid)
    if (notes === undefined) return
    const words = "spawnargs" in child && Array.isArray(child.spawnargs) ? child.spawnargs.join(" ") : "?"
    fs.appendFileSync(
      notes,
      `${performance.now().toFixed(0).padStart(8)} ms  ${words.slice(0, 200).replaceAll("\n", " ")}\n`
    )
  })
})

/** Processes this program has started so far. */
export const startedCount = (): number => started.length

/** Living processes that bear the tag, the demo itself excluded. */
export const living = (): ReadonlyArray<number> => {
  if (!fs.existsSync("/proc/self/environ")) return started.filter(isAlive)
  return fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    if (pid === process.pid) return false
    try {
      return fs.readFileSync(`/proc/${pid}/environ`, "utf8").includes(`${tag.name}=${tag.value}`)
    } catch (error) {
      // Gone since it was listed, or somebody else's: neither is ours to count.
      if (error instanceof Error && "code" in error && ["ENOENT", "EACCES", "ESRCH"].includes(String(error.code))) {
        return false
      }
      throw error
    }
  })
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    // ESRCH: no such process. EPERM cannot be: we started it.
    return false
  }
}
