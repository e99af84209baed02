package pricing

// Unit returns what a unit of the line costs, and why. It must not be changed.
func (l *Line) Unit() *Unit { return &l.unit }

// Tax returns the rate that taxes the line; nil for none.
func (l *Line) Tax() *TaxRate { return l.tax }

// Promotions returns what each promotion took off the line, in the order in which they were taken.
func (l *Line) Promotions() []PromotionStep {
	var steps []PromotionStep
	for _, off := range l.off {
		steps = append(steps, PromotionStep{Promotion: off.promotion, Coupon: off.coupon, Minor: off.minor})
	}
	return steps
}
