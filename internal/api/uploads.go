package api

import (
	"sync"

	"github.com/google/uuid"
)

// How many files a pod takes at the same time, in all and of one seller: each may hold a gigabyte of its disk.
const (
	maxUploads         = 8
	maxUploadsOfSeller = 2
)

// uploads counts the files that are being taken. Its zero value is ready.
type uploads struct {
	mu       sync.Mutex
	all      int
	bySeller map[uuid.UUID]int
}

// begin counts one more, until end is called; ok is false where there are as many as there may be.
func (u *uploads) begin(seller uuid.UUID) (end func(), ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all >= maxUploads || u.bySeller[seller] >= maxUploadsOfSeller {
		return nil, false
	}
	if u.bySeller == nil {
		u.bySeller = make(map[uuid.UUID]int)
	}
	u.all++
	u.bySeller[seller]++
	return func() { u.end(seller) }, true
}

func (u *uploads) end(seller uuid.UUID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all--
	if u.bySeller[seller]--; u.bySeller[seller] == 0 {
		delete(u.bySeller, seller)
	}
}
