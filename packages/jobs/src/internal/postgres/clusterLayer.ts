/**
 * The cluster under the runner of one kind: its workflow engine and its sharding, on our messages and our lanes.
 *
 * Runners never speak with each other: all goes through the database.
 */
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import * as ClusterWorkflowEngine from "effect/cluster/ClusterWorkflowEngine"
import { MessageStorage } from "effect/cluster/MessageStorage"
import * as RunnerHealth from "effect/cluster/RunnerHealth"
import * as Runners from "effect/cluster/Runners"
import { RunnerStorage } from "effect/cluster/RunnerStorage"
import * as Sharding from "effect/cluster/Sharding"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as Snowflake from "effect/cluster/Snowflake"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as SqlClient from "effect/sql/SqlClient"
import type { Policy } from "../../JobPolicy.ts"
import * as FencedMessages from "./FencedMessages.ts"
import type { tablesIn } from "./format.ts"
import * as Lanes from "./Lanes.ts"

export interface ClusterOptions {
  readonly sql: SqlClient.SqlClient
  readonly tables: ReturnType<typeof tablesIn>
  readonly kind: string
  /** The id of the runner, which is its address. */
  readonly runner: string
  readonly storage: RunnerStorage["Service"]
  readonly policy: Policy
}

export const clusterLayer = ({ kind, policy, runner, sql, storage, tables }: ClusterOptions) =>
  ClusterWorkflowEngine.layer.pipe(
    Layer.provideMerge(Sharding.layer),
    Layer.provideMerge(Runners.layerNoop),
    Layer.provideMerge(
      Layer.effect(
        MessageStorage,
        FencedMessages.make({ sql, tables, runner, leaseDuration: policy.leaseDuration })
      ).pipe(Layer.provide(Snowflake.layerGenerator))
    ),
    Layer.provideMerge(Layer.succeed(RunnerStorage, storage)),
    Layer.provide([RunnerHealth.layerNoop, NodeCrypto.layerDigest]),
    Layer.provide(Layer.succeed(SqlClient.SqlClient, sql)),
    Layer.provideMerge(Layer.succeed(ShardingConfig.ShardingConfig, {
      ...ShardingConfig.defaults,
      runnerAddress: Option.some(Lanes.addressOf(runner)),
      shardsPerGroup: Lanes.lanesOfKind,
      availableShardGroups: [kind],
      assignedShardGroups: [kind],
      shardLockDisableAdvisory: true,
      shardLockExpiration: policy.leaseDuration,
      shardLockRefreshInterval: policy.renewInterval,
      entityMessagePollInterval: policy.pollInterval,
      refreshAssignmentsInterval: policy.pollInterval,
      entityRegistrationTimeout: "1 hour",
      entityTerminationTimeout: "1 second",
      maxResidentEntities: "unbounded",
      simulateRemoteSerialization: false
    }))
  )
