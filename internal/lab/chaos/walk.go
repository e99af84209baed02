package chaos

import "fmt"

// walkLimit bounds a walk: no piece of work of the shop has so many steps.
const walkLimit = 200

// Walk cuts the same piece of work at its first step, then at its second and so on, on either side, until it goes
// through without being cut. do does the work, and finishes it in another way if it must. Each step is cut once with a
// connection that is there again at once, and once with one that stays down until do returns; brief alternates between
// the two. Walk returns how many cuts were made, and fails with the first error of do.
func Walk(p *Proxy, brief bool, do func(Cut) error) (cuts int, err error) {
	ways := []Cut{{Side: BeforeServer}, {Side: BeforeServer, StayDown: true}, {Side: BeforeClient}, {Side: BeforeClient, StayDown: true}}
	if brief {
		ways = []Cut{{Side: BeforeServer}, {Side: BeforeClient}}
	}
	for _, c := range ways {
		for c.Step = 1; ; c.Step++ {
			if brief {
				c.StayDown = c.Step%2 == 0
			}
			wasCut, err := tryCut(p, c, do)
			if err != nil {
				return cuts, err
			}
			if !wasCut {
				break
			}
			cuts++
		}
	}
	return cuts, nil
}

func tryCut(p *Proxy, c Cut, do func(Cut) error) (wasCut bool, err error) {
	p.Arm(c)
	err = do(c)
	wasCut = p.Disarm()
	if err == nil && c.Step > walkLimit {
		err = fmt.Errorf("more than %d steps", walkLimit)
	}
	if err != nil {
		return wasCut, fmt.Errorf("cut at step %d, %s: %w", c.Step, c.Side, err)
	}
	return wasCut, nil
}
