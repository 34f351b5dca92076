/** Publishing, on a registry of its own on loopback that has nothing else and is gone afterwards: verdaccio, from npm. */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { cleanEnvironment, npmFlags, run, type Tarball } from "../Tarballs.ts"
import { inOrder, publish, type Target } from "./Publishing.ts"
import { mustBeNone } from "./Rows.ts"

const verdaccio = "6.10.4"

/** In the order of their dependencies it comes in the middle. */
const denied = "@holdfast/mcp"

/** `folder`: for all that is made. Throws what is not as it is promised. */
export const rehearse = async (folder: string, tarballs: ReadonlyArray<Tarball>): Promise<string> => {
  Fs.mkdirSync(Path.join(folder, "storage"), { recursive: true })
  Fs.writeFileSync(Path.join(folder, "package.json"), JSON.stringify({ private: true }))
  run(folder, "npm", "install", ...npmFlags, `verdaccio@${verdaccio}`)
  const names = inOrder(tarballs).map(({ manifest }) => manifest.name)
  const before = names.slice(0, names.indexOf(denied))
  const problems: Array<string> = []

  await withRegistry(folder, denied, (target) => {
    const { failure, said } = attempt(tarballs, target)
    expect(problems, "published before the interruption", said, before.map((name) => `${name} is published`))
    if (
      !failure.includes(`${denied} `) || !failure.includes(`${before.length} of ${names.length} packages are there`)
    ) {
      problems.push(`an interruption is told as: ${failure}`)
    }
  })

  await withRegistry(folder, undefined, (target) => {
    const { failure, said } = attempt(tarballs, target)
    const expected = names.map((name) => `${name} ${before.includes(name) ? "was there" : "is published"}`)
    expect(problems, "published when it is taken up again", said, expected)
    if (failure !== "") problems.push(`what was interrupted is not taken up again: ${failure}`)
    const [first] = tarballs
    if (first === undefined) return
    const other = attempt([{ ...first, path: otherContents(folder, first) }], target)
    if (
      other.said.length > 0 || !other.failure.includes("other contents (README.md): a version is never published twice")
    ) {
      problems.push(`a version with other contents is told as: ${other.failure}`)
    }
  })

  const gone = attempt(tarballs, targetAt(folder, 1))
  if (gone.said.length > 0 || !gone.failure.includes("the registry does not say")) {
    problems.push(`a registry that does not answer is told as: ${gone.failure}`)
  }
  return mustBeNone(
    problems,
    `${names.length} packages, each after what it needs; interrupted, taken up again; other contents refused`
  )
}

const attempt = (tarballs: ReadonlyArray<Tarball>, target: Target) => {
  const said: Array<string> = []
  const say = (line: string): void => void said.push(line.replace(/ \S*\d\.\d\.\d\S*/, ""))
  try {
    publish(tarballs, target, say)
    return { said, failure: "" }
  } catch (error) {
    return { said, failure: error instanceof Error ? error.message : String(error) }
  }
}

const expect = (
  problems: Array<string>,
  what: string,
  said: ReadonlyArray<string>,
  expected: ReadonlyArray<string>
): void => {
  if (said.join() !== expected.join()) problems.push(`${what}: ${said.join(", ")}; and not ${expected.join(", ")}`)
}

/** The same package with a line more. */
const otherContents = (folder: string, { files, path }: Tarball): string => {
  const into = Path.join(folder, "other")
  const archive = Path.join(folder, "other.tgz")
  Fs.mkdirSync(into)
  run(into, "tar", "-xzf", path)
  Fs.appendFileSync(Path.join(into, "package/README.md"), "More.\n")
  run(into, "tar", "-czf", archive, ...files.map((file) => `package/${file}`))
  return archive
}

const withRegistry = async (
  folder: string,
  denied: string | undefined,
  use: (target: Target) => void
): Promise<void> => {
  const program = Path.join(import.meta.dirname, "registry.mjs")
  const registry: ChildProcess = fork(program, [
    Path.join(folder, "storage"),
    ...(denied === undefined ? [] : [denied])
  ], {
    cwd: folder,
    env: cleanEnvironment(),
    stdio: ["ignore", "ignore", "pipe", "ipc"]
  })
  let complaints = ""
  registry.stderr?.on("data", (chunk) => complaints += String(chunk))
  const ended = once(registry, "exit")
  try {
    const [port] = await Promise.race([once(registry, "message"), ended.then(() => [])])
    if (typeof port !== "number") throw new Error(`the registry has not started\n${complaints}`)
    use(targetAt(folder, port))
  } finally {
    registry.kill("SIGKILL")
    await ended
  }
}

/** npm wants to know a user, and this registry takes every one. */
const targetAt = (folder: string, port: number): Target => {
  const settings = Path.join(folder, `npm-${port}`)
  const url = `//127.0.0.1:${port}/`
  Fs.mkdirSync(settings, { recursive: true })
  Fs.writeFileSync(Path.join(settings, "package.json"), JSON.stringify({ private: true }))
  Fs.writeFileSync(
    Path.join(settings, ".npmrc"),
    `registry=http:${url}\n${url}:_authToken=none\ncache=${settings}/cache\nfetch-retries=0\n`
  )
  return { folder: settings, hasProvenance: false }
}
