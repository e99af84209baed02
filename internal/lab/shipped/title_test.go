package main

import (
	"testing"

	"meridian/internal/testkit"
)

func TestTitle(t *testing.T) {
	titles := testkit.Must(readTitles())(t)
	tests := []struct{ name, want string }{
		{"WHITE HANGING HEART T-LIGHT HOLDER", "White Hanging Heart T-Light Holder"},
		{"SET OF 72 RETROSPOT PAPER DOILIES", "Set of 72 Retrospot Paper Doilies"},
		{"S/4 ICON COASTER,ELVIS LIVES", "Set of 4 Icon Coaster, Elvis Lives"},
		{"KEY FOB , SHED", "Key Fob, Shed"},
		{"*USB Office Mirror Ball", "USB Office Mirror Ball"},
		{"CHILDREN'S APRON DOLLY GIRL", "Children's Apron Dolly Girl"},
		{"RETRO PLASTIC 70'S TRAY", "Retro Plastic 70's Tray"},
		{"THE KING GIFT BAG 25x24x12cm", "The King Gift Bag 25x24x12cm"},
		{"DOORMAT KEEP CALM AND COME IN", "Doormat Keep Calm and Come In"},
		{"A4 WALL TIDY", "A4 Wall Tidy"},
		{"BUTTERFLY/CRYSTAL W/CHIME", "Butterfly/Crystal with Chime"},
		{"PEARL & SHELL 42\"NECKL. GREEN", "Pearl & Shell 42\" Necklace Green"},
		{"SILVER/M.O.P PENDANT", "Silver/Mother-of-Pearl Pendant"},
		{"GREETING CARD, TWO SISTERS.", "Greeting Card, Two Sisters"},
	}
	for _, test := range tests {
		if got := titles.title(test.name); got != test.want {
			t.Errorf("title(%q) = %q, want %q", test.name, got, test.want)
		}
	}
}
