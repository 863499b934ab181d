import type { PieceContext, Study, StudyResult } from './study.ts';

/** A piece of a planned study, with a result of its own kind. */
export interface PlannedPiece<Result = unknown> {
  readonly label: string;
  /** Pieces whose results it is given. */
  readonly needs?: readonly PlannedPiece[];
  /** As {@link Study.wide}. */
  readonly wide?: boolean;
  /** As {@link Study.weight}. */
  readonly weight?: number;
  compute(context: PlannedContext): Result | Promise<Result>;
}

export interface PlannedContext extends Omit<PieceContext, 'index' | 'needed'> {
  /** The result of a piece that this one needs. */
  resultOf<Result>(piece: PlannedPiece<Result>): Result;
}

/** A study whose pieces are of several kinds. */
export interface PlannedStudy<Configuration, Plan>
  extends Pick<
    Study<Configuration>,
    'name' | 'title' | 'description' | 'papers' | 'references' | 'schema'
  > {
  /** The pieces of a configuration under names of their own. Made anew in every thread: of the configuration alone. */
  plan(configuration: Configuration): Plan;
  /** All of them, in an order in which none needs a later one. */
  order(plan: Plan): readonly PlannedPiece[];
  /** The result, from those of all pieces. */
  finish(
    configuration: Configuration,
    plan: Plan,
    resultOf: <Result>(piece: PlannedPiece<Result>) => Result,
  ): StudyResult;
}

/** A study from its plan. */
export function plannedStudy<Configuration extends object, Plan>(
  planned: PlannedStudy<Configuration, Plan>,
): Study<Configuration> {
  const { plan, order, finish, ...about } = planned;
  const made = new WeakMap<Configuration, { plan: Plan; pieces: readonly PlannedPiece[] }>();
  const of = (configuration: Configuration) => {
    const known = made.get(configuration);
    if (known !== undefined) return known;
    const own = plan(configuration);
    const entry = { plan: own, pieces: order(own) };
    made.set(configuration, entry);
    return entry;
  };
  const at = (configuration: Configuration, index: number) => of(configuration).pieces[index];
  return {
    ...about,
    pieces: (configuration) => of(configuration).pieces.length,
    label: (configuration, index) => at(configuration, index).label,
    needs: (configuration, index) =>
      (at(configuration, index).needs ?? []).map((one) => of(configuration).pieces.indexOf(one)),
    wide: (configuration, index) => at(configuration, index).wide ?? false,
    weight: (configuration, index) => at(configuration, index).weight ?? 1,
    piece(configuration, { index, needed, ...context }) {
      const piece = at(configuration, index);
      return piece.compute({
        ...context,
        resultOf: <Result>(one: PlannedPiece<Result>) =>
          needed[(piece.needs ?? []).indexOf(one)] as Result,
      });
    },
    finish(configuration, results) {
      const { plan: own, pieces } = of(configuration);
      return finish(
        configuration,
        own,
        <Result>(piece: PlannedPiece<Result>) => results[pieces.indexOf(piece)] as Result,
      );
    },
  };
}
