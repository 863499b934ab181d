import { expect, it } from 'vitest';
import type { HeadLaw } from '../../heads/head-law.ts';
import type { FinalCertificate } from './growth-stage.ts';
import { againstSingleHead, certificateSections, certificateSentence } from './verdicts.ts';

const certificate = (agreed: number) =>
  ({
    risk: 1,
    gap: 0.25,
    provedGap: 60,
    blindExcess: 0.125,
    search: { agreed, starts: 40, converged: 40, distinct: 2, unseenProbability: 0.07 },
  }) as FinalCertificate;

it('says how many starts agree, and that few are no proof', () => {
  expect(certificateSentence(certificate(3))).toContain("too few of the search's 40 starts");
  expect(certificateSentence(certificate(4))).toContain("4 of the search's 40 starts agree");
  expect(certificateSentence(certificate(4))).toContain('Proved, whatever the search missed');
});

it('calls a certificate refuted if a law has a lower risk than its bound', () => {
  const [said] = certificateSections(certificate(20), [1.1, 0.75]);
  expect(said).not.toMatchObject({ body: expect.stringContaining('refuted') });
  const [refuted] = certificateSections(certificate(20), [1.1, 0.7499]);
  expect(refuted).toMatchObject({ body: expect.stringContaining('refuted: 1 of the 2') });
});

it('says whether the single head is beaten, either way', () => {
  const [grown, single] = [{ count: 3 }, { count: 1 }] as HeadLaw[];
  const fixed = [{ heads: 1, law: single, risk: 2, seconds: 0 }];
  const risk = ({ count }: HeadLaw) => (count === 1 ? 2 : 1.5);
  const bits = ({ count }: HeadLaw) => (count === 1 ? 2 : 2.5);
  expect(againstSingleHead(grown, fixed, risk, bits, 'bits')).toEqual({
    'beats the best single head in risk': 'yes, by 0.5000',
    'beats it in bits': 'no, worse by 0.5000',
  });
  expect(againstSingleHead(grown, [], risk, bits, 'bits')).toEqual({});
});
