/**
 * Rule `holdfast/no-platform`: time, randomness, timers, promises, the process and I/O come from Effect services.
 *
 * It judges what a name refers to, not how it is spelled: a local variable called `process` is nobody's business, while
 * `globalThis.setTimeout` and an import from `node:timers` are. Types are free.
 *
 * The exceptions are data: `PlatformFiles.ts`. With `HOLDFAST_LINT_NO_EXCEPTIONS=1` they are ignored, which is how a test
 * finds entries that nobody needs any more.
 */
import { allowedIn } from "./exceptions.ts"
import { child, children, type Context, memberName, type Node, type Reference, rule } from "./Oxlint.ts"
import type { PlatformUse } from "./PlatformFiles.ts"

/** What a global's value means; `members` restricts the ban to these, a function looks at the use. */
interface Ban {
  readonly use: PlatformUse
  readonly instead: string
  readonly when?: (node: Node) => boolean
}

const member = (...names: ReadonlyArray<string>) => (node: Node): boolean => {
  const name = memberOf(node)
  return name !== undefined && names.includes(name)
}

const random = [
  "randomUUID",
  "randomBytes",
  "randomInt",
  "randomFill",
  "randomFillSync",
  "getRandomValues",
  "generateKey"
]
const timer = { use: "timers", instead: "Effect.sleep, Schedule or Deadlines" } as const
const clock = { use: "time", instead: "effect/Clock" } as const
const dice = { use: "randomness", instead: "effect/Random or effect/Crypto" } as const
const outside = { use: "io", instead: "a service" } as const

const globals: Readonly<Record<string, Ban>> = {
  Date: { ...clock, when: (node) => isCalled(node) && !hasArguments(node) || member("now")(node) },
  performance: clock,
  Math: { ...dice, when: member("random") },
  crypto: { ...dice, when: member(...random) },
  setTimeout: timer,
  setInterval: timer,
  setImmediate: timer,
  clearTimeout: timer,
  clearInterval: timer,
  clearImmediate: timer,
  queueMicrotask: timer,
  scheduler: timer,
  AbortSignal: { ...timer, when: member("timeout") },
  Promise: { use: "promises", instead: "an Effect, a Deferred or Effect.callback" },
  process: { use: "process", instead: "a service" },
  fetch: outside,
  WebSocket: outside,
  EventSource: outside,
  console: { use: "io", instead: "Effect.log or effect/Console" }
}

const modules: Readonly<Record<string, Ban>> = {
  timers: timer,
  "timers/promises": timer,
  perf_hooks: clock,
  process: { use: "process", instead: "a service" },
  child_process: { use: "process", instead: "@holdfast/process" },
  cluster: { use: "process", instead: "@holdfast/process" },
  worker_threads: { use: "process", instead: "@holdfast/process" },
  os: { use: "process", instead: "a service" },
  fs: { use: "io", instead: "effect/FileSystem" },
  "fs/promises": { use: "io", instead: "effect/FileSystem" },
  net: outside,
  tls: outside,
  dgram: outside,
  dns: outside,
  "dns/promises": outside,
  http: outside,
  https: outside,
  http2: outside,
  readline: outside,
  "readline/promises": outside,
  tty: outside,
  undici: outside,
  "#undici": outside
}

export const noPlatform = rule(
  "time, randomness, timers, promises, the process and I/O come from Effect services",
  (context) => {
    const allowed = allowedIn(context)
    const report = (node: Node, what: string, { instead, use }: Ban) => {
      if (allowed.includes(use)) return
      const message = `${what} is ${use}: use ${instead}. Files that wrap the platform: scripts/lint/PlatformFiles.ts`
      context.report({ node, message })
    }
    return {
      ImportDeclaration: (node) => {
        if (node["importKind"] === "type") return
        const source = child(node, "source")?.["value"]
        if (typeof source !== "string") return
        const name = source.replace(/^node:/, "")
        if (name === "crypto") return reportRandomImports(context, node, report)
        const ban = Object.hasOwn(modules, name) ? modules[name] : undefined
        const specifiers = children(node, "specifiers")
        const isTypeOnly = specifiers.length > 0 && specifiers.every((specifier) => specifier["importKind"] === "type")
        if (ban !== undefined && !isTypeOnly) report(node, `"${source}"`, ban)
      },
      CallExpression: (node) => {
        const callee = child(node, "callee")
        if (callee?.type === "MemberExpression" && memberName(callee) === "then") {
          report(callee, "then()", { use: "promises", instead: "an Effect" })
        }
      },
      "Program:exit": () => {
        for (const { identifier } of globalValues(context)) {
          // `globalThis.setTimeout` is `setTimeout`.
          const isRoot = identifier["name"] === "globalThis" || identifier["name"] === "global"
          const node = isRoot ? identifier.parent : identifier
          const name = isRoot ? memberOf(identifier) : identifier["name"]
          if (node === null || typeof name !== "string" || !Object.hasOwn(globals, name)) continue
          const ban = globals[name]
          if (ban !== undefined && (ban.when === undefined || ban.when(node))) {
            const part = memberOf(node)
            report(node, part === undefined ? name : `${name}.${part}`, ban)
          }
        }
      }
    }
  }
)

/** Hashing is a pure function, dice are not: of `node:crypto` only the random members count. */
const reportRandomImports = (
  context: Context,
  node: Node,
  report: (node: Node, what: string, ban: Ban) => void
): void => {
  for (const specifier of children(node, "specifiers")) {
    const imported = child(specifier, "imported")?.["name"]
    if (typeof imported === "string") {
      if (random.includes(imported)) report(specifier, imported, dice)
      continue
    }
    for (const variable of context.sourceCode.getDeclaredVariables(specifier)) {
      for (const { identifier } of variable.references) {
        const name = memberOf(identifier)
        if (name !== undefined && random.includes(name)) report(identifier, `${variable.name}.${name}`, dice)
      }
    }
  }
}

/** Every use, as a value, of a name that no declaration of the file binds. */
const globalValues = (context: Context): ReadonlyArray<Reference> => {
  const scope = context.sourceCode.scopeManager.globalScope
  if (scope === null) return []
  const declared = scope.variables.filter((variable) => variable.defs.length === 0)
  return [...scope.through, ...declared.flatMap((variable) => variable.references)]
    .filter((reference) => reference.isValueReference !== false && !inType(reference.identifier))
}

const inType = (node: Node): boolean => node.parent?.type.startsWith("TSType") === true

/** `name` when the node is the object of `node.name`. */
const memberOf = (node: Node): string | undefined =>
  node.parent?.type === "MemberExpression" && child(node.parent, "object") === node
    ? memberName(node.parent)
    : undefined

const isCalled = (node: Node): boolean =>
  (node.parent?.type === "NewExpression" || node.parent?.type === "CallExpression") &&
  child(node.parent, "callee") === node

const hasArguments = (node: Node): boolean => node.parent !== null && children(node.parent, "arguments").length > 0
