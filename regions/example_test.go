package regions_test

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"meridian/regions"
)

// shipped returns the regions compiled into the binary.
func shipped() *regions.Set {
	set, err := regions.Shipped()
	if err != nil {
		panic(err)
	}
	return set
}

func ExampleSet_All() {
	for _, region := range shipped().All() {
		fmt.Println(region.Name, region.Code, region.Title)
	}
	// Output:
	// us-east use US East (Northern Virginia)
	// ap-southeast aps AP Southeast (Singapore)
	// eu-west euw EU West (Ireland)
	// us-west usw US West (Oregon)
}

func ExampleSet_HomeOf() {
	set := shipped()
	home, ok := set.HomeOf("IE")
	fmt.Println(home.Name, ok, set.CurrencyOf("IE"))
	_, ok = set.HomeOf("QQ")
	fmt.Println(ok)
	// Output:
	// eu-west true EUR
	// false
}

func ExampleSet_Failover() {
	for _, region := range shipped().Failover("eu-west") {
		fmt.Println(region.Name)
	}
	// Output:
	// us-east
	// us-west
	// ap-southeast
}

// A public id says in which region its row lives.
func ExampleSet_FormatID() {
	set := shipped()
	order := regions.Ref{Region: "eu-west", ID: uuid.MustParse("00000000-0000-4000-8000-000000000001")}
	id := set.FormatID(regions.OrderPrefix, order)
	fmt.Println(id)
	ref, err := set.ParseID(regions.OrderPrefix, id)
	fmt.Println(ref.Region, ref.ID, err)
	// Output:
	// ord_euw_aaaaaaaaabaabaaaaaaaaaaaae
	// eu-west 00000000-0000-4000-8000-000000000001 <nil>
}

func ExampleSet_ParseID() {
	_, err := shipped().ParseID(regions.OrderPrefix, "crt_euw_aaaaaaaaabaabaaaaaaaaaaaae")
	fmt.Println(err, errors.Is(err, regions.ErrBadID))
	// Output: malformed id: it must begin with ord_ true
}
