import type { JudgeConnection } from '../../experiment/plan/planned-judge.js';
import type { BaseModel } from '../../models/base-model.js';
import type { ModelReference } from '../../models/model-reference.js';
import type { World } from '../../organism/world/world.js';

/** The effects that building a zoo has. */
export interface ZooWorld extends JudgeConnection {
  /** Reads the organisms' world; the shipped one of their edition if not given. */
  readonly readWorld?: () => Promise<World>;
  readonly openBase: (reference: ModelReference) => Promise<BaseModel>;
  /** Version of driftline, for the record. */
  readonly version: string;
  /** Milliseconds. */
  readonly clock: () => number;
  /** Available memory in bytes. */
  readonly memory: number;
  readonly ignoresMemory: boolean;
  readonly threads: number;
  /** Cells that are trained and asked at the same time; measured if not given. */
  readonly cellsAtOnce?: number | undefined;
  readonly onNotice: (notice: string) => void;
}
