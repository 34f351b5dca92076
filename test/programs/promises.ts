/** What becomes of so many programs, in numbers. */
import { assert } from "@effect/vitest"
import * as Story from "./story.ts"

export type Victim = "server" | "daemon"

/** So many of all kinds, one after another or at once. */
export const together = async (count: number, way: "oneAfterAnother" | "atOnce") => {
  await using story = Story.make()
  const { programs, said } = await story[way](count)
  const counted = {
    wrong: said.filter(({ said, text }) => said !== text),
    daemons: story.daemons().length,
    servers: story.servers().length,
    serversAlive: story.alive().filter(({ pid }) => story.servers().includes(pid)).length,
    calls: story.calls().length,
    differentCalls: new Set(story.calls()).size
  }
  await Promise.all(programs.map(({ end }) => end()))
  await story.stop()
  return { ...counted, left: story.alive() }
}

/** Hosts over the death of what is below them: each list is killed at once, while a call of the first host is under way. */
export const overKills = async (kinds: ReadonlyArray<Story.Kind>, kills: ReadonlyArray<ReadonlyArray<Victim>>) => {
  await using story = Story.make()
  const programs = kinds.map(story.open)
  const wrong: Array<object> = []
  const answered: Array<string> = []
  let texts = 0
  /** A host that has not heard of the loss yet may lose one call to it, and is told so. The next one is answered. */
  const echo = async (program: Story.Program, mayBeLost: boolean): Promise<void> => {
    const said = await program.call("echo", `a${++texts}`)
    if (said.said === said.text) return void answered.push(said.text)
    if (!mayBeLost || !/may have run/.test(said.failed ?? "")) return void wrong.push(said)
    return echo(program, false)
  }
  const all = async (mayBeLost = false): Promise<void> =>
    void await Promise.all(programs.map((program) => echo(program, mayBeLost)))
  await all()
  const [first] = programs
  if (first === undefined) return assert.fail("there is no program")
  const lost: Array<string> = []
  for (const victims of kills) {
    const before = story.calls().length
    const call = first.call("never", `n${++texts}`)
    await Story.until(() => story.calls().length > before)
    const pids = { server: story.servers().at(-1), daemon: story.daemons().at(-1) }
    for (const victim of victims) process.kill(pids[victim] ?? 0, "SIGKILL")
    lost.push(/may have run/.exec((await call).failed ?? "")?.[0] ?? "")
    await all(true)
  }
  // A shim that is killed is its own host's loss.
  const shim = story.alive().find(({ command, parent }) => parent === first.pid && /wrap|connect/.test(command))
  process.kill(shim?.pid ?? 0, "SIGKILL")
  programs.shift()
  await all()
  await Promise.all([first, ...programs].map(({ end }) => end()))
  const calls = story.calls()
  const unmade = answered.filter((text) => !calls.includes(text))
  await story.stop()
  return { wrong, lost, unmade, twice: calls.length - new Set(calls).size, left: story.alive() }
}
