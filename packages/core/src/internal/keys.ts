/**
 * The keys that the pool knows: those with a connection, a waiting caller, or a failure worth remembering.
 */
import type { Connector } from "../Connector.ts"
import * as PoolPolicy from "../PoolPolicy.ts"
import { Entry } from "./connection.ts"
import { Penalties } from "./penalties.ts"
import type { Strangers } from "./strangers.ts"

export class Keys<K, C, E> {
  readonly entries = new Map<string, Entry<K, C, E>>()
  private readonly connector: Connector<K, C, E>
  private readonly policy: PoolPolicy.PoolPolicy
  private readonly policyFor: (key: K) => PoolPolicy.PoolPolicy
  private readonly strangers: Strangers<K, C, E>

  constructor(options: {
    readonly connector: Connector<K, C, E>
    /** The pool's own, which is known to make sense. */
    readonly policy: PoolPolicy.PoolPolicy
    readonly policyFor: (key: K) => PoolPolicy.PoolPolicy
    readonly strangers: Strangers<K, C, E>
  }) {
    this.connector = options.connector
    this.policy = options.policy
    this.policyFor = options.policyFor
    this.strangers = options.strangers
  }

  labelOf(key: K): string {
    return this.connector.label?.(key) ?? this.connector.fingerprint(key)
  }

  find(key: K): Entry<K, C, E> | undefined {
    return this.entries.get(this.connector.fingerprint(key))
  }

  has(entry: Entry<K, C, E>): boolean {
    return this.entries.get(entry.fingerprint) === entry
  }

  forget(entry: Entry<K, C, E>): void {
    this.entries.delete(entry.fingerprint)
  }

  /** The key's record, made if there is none. What its functions throw, and a policy that makes no sense, is the caller's defect. */
  of(key: K): Entry<K, C, E> {
    const { connector } = this
    const fingerprint = connector.fingerprint(key)
    let entry = this.entries.get(fingerprint)
    if (entry === undefined) {
      const policy = this.policyFor(key)
      const problem = policy === this.policy ? undefined : PoolPolicy.problemOf(policy)
      if (problem !== undefined) throw problem
      const label = connector.label?.(key) ?? fingerprint
      entry = new Entry<K, C, E>({
        key,
        fingerprint,
        label,
        policy,
        isExclusiveResource: connector.exclusiveResource?.(key) ?? false,
        penalties: new Penalties(label, policy, this.strangers.worldOf)
      })
      this.entries.set(fingerprint, entry)
    }
    return entry
  }
}
