/**
 * What keeps two servers from being one, in words. Names of variables are told, and never their values.
 */
import * as RawMessage from "../RawMessage.ts"
import type { ServerTarget } from "../ServerTarget.ts"

/** In the order of what is looked at first by a person. None: they are equal. */
export const differences = (one: ServerTarget, other: ServerTarget): ReadonlyArray<string> => {
  const [a, b] = [one.wanted, other.wanted]
  const [mine, theirs] = [sayingsOf(one), sayingsOf(other)]
  const names = namesThatDiffer(a.environment, b.environment)
  // Of one that is shared they are no client's own.
  const capabilities = one.isShared === other.isShared ? namesThatDiffer(mine.capabilities, theirs.capabilities) : []
  return [
    ...(a.instance === b.instance ? [] : [`instance: ${numberOf(b.instance)} instead of ${numberOf(a.instance)}`]),
    ...(a.command === b.command ? [] : [`command: ${b.command} instead of ${a.command}`]),
    ...(JSON.stringify(a.args) === JSON.stringify(b.args) ? [] : ["arguments"]),
    ...(a.cwd === b.cwd ? [] : [`working directory: ${b.cwd} instead of ${a.cwd}`]),
    ...(names.length === 0 ? [] : [`environment: ${names.join(", ")}`]),
    ...(mine.era === theirs.era ? [] : [`era: ${theirs.era} instead of ${mine.era}`]),
    ...(mine.revision === theirs.revision ? [] : [`revision: ${theirs.revision} instead of ${mine.revision}`]),
    ...(capabilities.length === 0 ? [] : [`capabilities: ${capabilities.join(", ")}`]),
    ...(one.isShared === other.isShared ? [] : [other.isShared ? "shared" : "not shared"]),
    ...(a.handOn === b.handOn ? [] : [b.handOn ? "handed on" : "not handed on"])
  ]
}

/** What the client has said of itself that holds for the whole connection. */
const sayingsOf = ({ initialize }: ServerTarget) => {
  if (initialize === undefined) return { era: "modern", revision: undefined, capabilities: {} }
  const { capabilities, protocolVersion } = RawMessage.paramsOf(initialize)
  return { era: "legacy", revision: protocolVersion, capabilities: RawMessage.membersOf(capabilities) }
}

const namesThatDiffer = (
  one: Readonly<Record<string, unknown>>,
  other: Readonly<Record<string, unknown>>
): ReadonlyArray<string> =>
  [...new Set([...Object.keys(one), ...Object.keys(other)])]
    .filter((name) => JSON.stringify(one[name]) !== JSON.stringify(other[name]))
    .toSorted()

const numberOf = (instance: string | undefined): string => instance?.split(" ").at(-1) ?? "none"
