package regions

import (
	"cmp"
	"math"
)

// earthRadiusKM is the mean radius of the Earth (IUGG R1).
const earthRadiusKM = 6371.0088

// DistanceKM returns the great-circle distance in kilometres between two points given in degrees north and east.
func DistanceKM(lat1, lon1, lat2, lon2 float64) float64 {
	const radians = math.Pi / 180
	phi1, phi2 := lat1*radians, lat2*radians
	sinLat := math.Sin((lat2 - lat1) * radians / 2)
	sinLon := math.Sin((lon2 - lon1) * radians / 2)
	h := sinLat*sinLat + math.Cos(phi1)*math.Cos(phi2)*sinLon*sinLon
	return 2 * earthRadiusKM * math.Asin(math.Min(1, math.Sqrt(h)))
}

// compareDistance orders a and b by how far they are from the region, then by name.
func compareDistance(from, a, b Region) int {
	return cmp.Or(
		cmp.Compare(
			DistanceKM(from.Latitude, from.Longitude, a.Latitude, a.Longitude),
			DistanceKM(from.Latitude, from.Longitude, b.Latitude, b.Longitude)),
		cmp.Compare(a.Name, b.Name))
}
