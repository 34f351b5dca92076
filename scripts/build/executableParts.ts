/**
 * The main script of the executable, all of which Node reads and compiles at each start: so it only loads what is wanted of the rest. That is in the
 * executable as assets: the programs that npm's package has as files (`holdfast.cjs`, `tools.cjs`, …), and the whole program with what V8 has compiled of it.
 */
import { Buffer } from "node:buffer"
import process from "node:process"
import { getRawAsset } from "node:sea"
import { Script } from "node:vm"

/** As `partOf` of the build writes it. */
type Part = (
  exports: object,
  require: (id: string) => unknown,
  __filename: string,
  importOf: (id: string) => Promise<unknown>
) => void

/** The whole program exports its modules, by the names that the other parts have for them. */
interface Whole {
  readonly modules: Readonly<Record<string, () => Promise<unknown>>>
}

const loaded = new Map<string, object>()

const load = (name: string): object => {
  const present = loaded.get(name)
  if (present !== undefined) return present
  const exports = {}
  loaded.set(name, exports)
  const source = Buffer.from(getRawAsset(name)).toString("latin1")
  // Another Node would not take it, and compile for itself.
  const cachedData = name === "whole" ? Buffer.from(getRawAsset("whole.cache")) : undefined
  const part: Part = new Script(source, { filename: `${name}.cjs`, cachedData }).runInThisContext()
  part(exports, require, process.execPath, importOf)
  return exports
}

const require = (id: string): unknown => {
  const [, name] = /^\.\/(\w+)\.cjs$/.exec(id) ?? []
  return name === undefined ? process.getBuiltinModule(id) : load(name)
}

const importOf = async (id: string): Promise<unknown> => {
  // The build writes it so.
  const { modules } = load("whole") as Whole
  const open = modules[id]
  if (open === undefined) throw new Error(`${id} is not in this program`)
  return open()
}

/** `word`: by which it is the daemon. */
export const start = (word: string): void => {
  if (process.argv[2] !== word) load("holdfast")
  // The module `DaemonProcess` has it.
  else void importOf("daemon").then((daemon) => (daemon as { readonly background: () => void }).background())
}
