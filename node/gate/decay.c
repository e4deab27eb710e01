/*
 * decay.c - what an indicator is still worth: MISP's polynomial model, base * (1 - (t / lifetime) ^
 * (1 / speed)), t being the time since it was last seen or changed.
 *
 * Sightings do not count: who may not see them would learn of them by what is left out.
 */
#include <math.h>

#include "gate/conds.h"

double decay_score(const struct policy_decay *model, double base, int64_t last_seen, int64_t now)
{
	double t = now > last_seen ? (double)(now - last_seen) : 0, score;

	if (model->lifetime_s <= 0 || model->speed_milli <= 0)
		return 0;
	score = base * (1 - pow(t / (double)model->lifetime_s, 1000.0 / model->speed_milli));
	return score > 0 ? score : 0;
}
