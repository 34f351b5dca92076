export * as ChildEnvironment from "./ChildEnvironment.ts"
export * from "./ProcessError.ts"
export * as SupervisedProcess from "./SupervisedProcess.ts"
